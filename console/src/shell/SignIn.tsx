import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { currentKey, signIn } from "../api/session";

/** Asks for a key. */
export function SignIn() {
  const queries = useQueryClient();
  const [key, setKey] = useState("");
  const [missing, setMissing] = useState(false);
  const [tried] = useState(currentKey() !== null);
  const submit = () => {
    const trimmed = key.trim();
    if (trimmed === "") {
      setMissing(true);
      return;
    }
    signIn(trimmed);
    void queries.resetQueries();
  };
  const error = missing && key.trim() === "" ? "Enter a key." : tried && key === "" ? "The server refused the key that was used. Enter another." : "";
  return (
    <main className="sign-in">
      <Box padding={{ vertical: "xxxl" }}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            submit();
          }}
        >
          <Form actions={<Button variant="primary" formAction="submit">Sign in</Button>}>
            <Container header={<Header variant="h1" description="This server asks who calls.">Sign in</Header>}>
              <FormField
                label="API key"
                description="It is kept in this tab only, until you close it or sign out."
                errorText={error}
              >
                <Input
                  type="password"
                  value={key}
                  autoFocus
                  autoComplete={false}
                  onChange={({ detail }) => {
                    setKey(detail.value);
                  }}
                />
              </FormField>
            </Container>
          </Form>
        </form>
      </Box>
    </main>
  );
}
