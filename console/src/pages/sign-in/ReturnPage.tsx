import Alert from "@cloudscape-design/components/alert";
import { useEffect, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import { comeBack } from "../../api/oidc";
import { asProblem } from "../../api/problem";
import { LinkButton, Loading, useTitle } from "../../components/PageParts";

/** Where the issuer sends the browser back to. */
export default function ReturnPage() {
  useTitle("Signing in");
  const { search } = useLocation();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    comeBack(search).then(
      (page) => navigate(page, { replace: true }),
      (problem: unknown) => {
        setError(problem);
      },
    );
  }, [search, navigate]);
  if (error === null) return <Loading what="what you are allowed to see" />;
  const { title, detail } = asProblem(error);
  return (
    <Alert type="error" header={title} action={<LinkButton to="/projects">Begin again</LinkButton>}>
      {detail}
    </Alert>
  );
}
