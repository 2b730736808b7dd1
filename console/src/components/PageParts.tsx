// What every page has: links within the console, times, and the states of a page that shows nothing yet.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import CloudscapeLink, { type LinkProps } from "@cloudscape-design/components/link";
import Spinner from "@cloudscape-design/components/spinner";
import { useEffect } from "react";
import { useNavigate } from "react-router";
import { asProblem } from "../api/problem";

/** A link to another page of the console. */
export function Link({ to, ...rest }: { to: string } & Omit<LinkProps, "href" | "onFollow">) {
  const navigate = useNavigate();
  return (
    <CloudscapeLink
      {...rest}
      href={to}
      onFollow={(event) => {
        event.preventDefault();
        void navigate(to);
      }}
    />
  );
}

/** A button that leads to another page of the console. */
export function LinkButton({ to, variant, children }: { to: string; variant?: "primary" | "normal"; children: string }) {
  const navigate = useNavigate();
  return (
    <Button
      variant={variant ?? "normal"}
      href={to}
      onFollow={(event) => {
        event.preventDefault();
        void navigate(to);
      }}
    >
      {children}
    </Button>
  );
}

const FORMAT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** A moment, in the reader's time zone. */
export function Time({ at }: { at: string | null | undefined }) {
  if (!at) return <>–</>;
  return (
    <time dateTime={at} title={at}>
      {FORMAT.format(new Date(at))}
    </time>
  );
}

/** How long something took, from milliseconds. */
export function duration(millis: number): string {
  if (millis < 1_000) return `${Math.round(millis)} ms`;
  if (millis < 60_000) return `${(millis / 1_000).toFixed(1)} s`;
  const seconds = Math.round(millis / 1_000);
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor((seconds % 86_400) / 3_600), Math.floor((seconds % 3_600) / 60)];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return `${minutes} min ${seconds % 60} s`;
}

/** Bytes in words. */
export function bytes(count: number): string {
  if (count < 1_024) return `${count} B`;
  if (count < 1_048_576) return `${(count / 1_024).toFixed(1)} KiB`;
  return `${(count / 1_048_576).toFixed(1)} MiB`;
}

/** What went wrong, and what to do about it. */
export function ProblemAlert({ error, action }: { error: unknown; action?: React.ReactNode }) {
  if (error === null || error === undefined) return null;
  const problem = asProblem(error);
  return (
    <Alert type="error" header={problem.title} action={action}>
      {problem.detail}
      {problem.errors.length > 0 && (
        <ul>
          {problem.errors.map((at) => (
            <li key={`${at.field} ${at.message}`}>
              <code>{at.field}</code>: {at.message}
            </li>
          ))}
        </ul>
      )}
    </Alert>
  );
}

/** Stands where data will be. */
export function Loading({ what }: { what: string }) {
  return (
    <Box padding="l" color="text-status-inactive">
      <span role="status">
        <Spinner /> Loading {what}
      </span>
    </Box>
  );
}

/** Says why there is nothing, and what to do. */
export function Empty({ title, children, action }: { title: string; children?: React.ReactNode; action?: React.ReactNode }) {
  return (
    <Box textAlign="center" padding="l" color="text-body-secondary">
      <Box variant="strong">{title}</Box>
      {children !== undefined && <Box padding={{ vertical: "xs" }}>{children}</Box>}
      {action}
    </Box>
  );
}

/** Names the page in the browser. */
export function useTitle(title: string) {
  useEffect(() => {
    document.title = title === "" ? "Millrace" : `${title} · Millrace`;
  }, [title]);
}
