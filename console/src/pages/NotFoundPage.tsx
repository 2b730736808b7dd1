import { Empty, LinkButton, useTitle } from "../components/PageParts";

export default function NotFoundPage() {
  useTitle("Not found");
  return (
    <Empty title="There is no such page" action={<LinkButton to="/projects">To the projects</LinkButton>}>
      The address may be mistyped, or of another version of the console.
    </Empty>
  );
}
