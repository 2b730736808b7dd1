import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Box from "@cloudscape-design/components/box";
import type { Paged } from "../api/paging";

/** Leads through the pages of a listing. */
export function Pager({ paged, what }: { paged: Paged<unknown>; what: string }) {
  if (paged.page === 1 && !paged.hasNext) return null;
  return (
    <SpaceBetween direction="horizontal" size="xs" alignItems="center">
      <Button iconName="angle-left" ariaLabel={`Newer ${what}`} disabled={paged.page === 1} onClick={paged.previous} />
      <Box>Page {paged.page}</Box>
      <Button iconName="angle-right" ariaLabel={`Older ${what}`} disabled={!paged.hasNext} onClick={paged.next} />
    </SpaceBetween>
  );
}
