import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import { useRouteError } from "react-router";

/** Stands where a page could not be shown. */
export function Failed() {
  const error = useRouteError();
  const detail = error instanceof Error ? error.message : String(error);
  return (
    <Box padding="xxl">
      <Alert
        type="error"
        header="This page can't be shown"
        action={<Button onClick={() => location.reload()}>Load it again</Button>}
      >
        {detail}. After an upgrade of the server, loading the page again gets its new version.
      </Alert>
    </Box>
  );
}
