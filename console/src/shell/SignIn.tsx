import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useLayoutEffect, useRef, useState } from "react";
import { keepDrafts } from "../api/drafts";
import { goToIssuer, possible, ways } from "../api/oidc";
import { asProblem } from "../api/problem";
import { currentKey, signIn } from "../api/session";

/** Can it be sent in a header? */
const sendable = (key: string): boolean => /^[\x21-\x7e]+$/.test(key);

/** Asks who calls: with the server's issuer, where it has one, or with a key. */
export default function SignIn() {
  const queries = useQueryClient();
  const { data, error: unknown } = useQuery({ queryKey: ["sign-in"], queryFn: ways });
  const [key, setKey] = useState("");
  const [missing, setMissing] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const [tried] = useState(currentKey() !== null);
  const submit = () => {
    const trimmed = key.trim();
    if (!sendable(trimmed)) {
      setMissing(true);
      return;
    }
    signIn(trimmed);
    // The page below keeps what it shows, and what is being written in it.
    void queries.invalidateQueries();
  };
  const error = missing && !sendable(key.trim()) ? (key.trim() === "" ? "Enter a key." : "This is no key: keys have no spaces, and no characters beyond ASCII.") : tried && key === "" ? "The server refused the key that was used. Enter another." : "";
  const issuer = data?.oidc ?? null;
  const place = useRef<HTMLDialogElement>(null);
  // Over everything, also over dialogs; nothing else can be reached meanwhile.
  useLayoutEffect(() => {
    const dialog = place.current;
    dialog?.showModal();
    dialog?.querySelector("input")?.focus();
    return () => {
      dialog?.close();
    };
  }, []);
  return (
    <dialog
      ref={place}
      className="sign-in"
      aria-label="Sign in"
      onCancel={(event) => { event.preventDefault(); }}
      onKeyDown={(event) => { if (event.key === "Escape") event.preventDefault(); }}
    >
      <Box padding={{ vertical: "xxxl" }}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            submit();
          }}
        >
          <Form
            actions={
              <Button variant={issuer === null ? "primary" : "normal"} formAction="submit">
                {issuer === null ? "Sign in" : "Sign in with the key"}
              </Button>
            }
          >
            <Container header={<Header variant="h1" description="This server asks who calls.">Sign in</Header>}>
              <SpaceBetween size="l">
                {unknown !== null && <Alert type="warning">{asProblem(unknown).detail}</Alert>}
                {issuer !== null && (
                  <FormField
                    label="Your account"
                    description={`At ${new URL(issuer.issuer).host}, which sends you back here.`}
                    errorText={possible() ? "" : "A browser does this only on a page that came over HTTPS, or from this machine."}
                  >
                    <Button
                      variant="primary"
                      disabled={!possible()}
                      loading={leaving}
                      loadingText="Going there"
                      onClick={() => {
                        setLeaving(true);
                        keepDrafts();
                        void goToIssuer(issuer);
                      }}
                    >
                      Sign in with your account
                    </Button>
                  </FormField>
                )}
                <FormField label="API key" description="It is kept in this tab only, until you close it or sign out." errorText={error}>
                  <Input
                    type="password"
                    value={key}
                    autoComplete={false}
                    onChange={({ detail }) => {
                      setKey(detail.value);
                    }}
                  />
                </FormField>
              </SpaceBetween>
            </Container>
          </Form>
        </form>
      </Box>
    </dialog>
  );
}
