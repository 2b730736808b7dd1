// Nothing that somebody writes goes without a question.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { accessible, expect, fresh, ORDER, test, url, write } from "./base";
import { startIssuer } from "./issuer";
import { launch, type Running } from "./server";

const question = (page: Page) => page.getByRole("dialog", { name: "Leave without saving?" });
const editor = (page: Page, label: string) => page.getByRole("textbox", { name: label, exact: true });
const WAITING = "# of mine\nStartAt: A\nStates:\n  A: { Type: Wait, Seconds: 1, End: true }\n";

async function made(page: Page, project: string, name: string) {
  const answer = await page.request.post(`${url()}/api/functions/projects/${project}`, { data: { function_name: name, code: "export const handler = () => 1;\n" } });
  expect(answer.ok(), await answer.text()).toBe(true);
}

test("what is written of a function stays when it is saved elsewhere", async ({ page }) => {
  const name = fresh("price");
  const elsewhere = async (code: string) => {
    const answer = await page.request.patch(`${url()}/api/functions/shop/${name}`, { data: { code } });
    expect(answer.ok(), await answer.text()).toBe(true);
  };
  await made(page, "shop", name);
  await page.goto(`/functions/shop/${name}`);
  await expect(editor(page, "Code")).toContainText("=> 1");
  // Who only reads sees what is saved elsewhere.
  await elsewhere("export const handler = () => 2;\n");
  await expect(editor(page, "Code")).toContainText("=> 2");

  await write(page, "Event", '{"mine": true}');
  await write(page, "Code", "export const handler = () => 30;\n");
  await elsewhere("export const handler = () => 4;\n");
  await expect(page.getByText("Version 3 was saved elsewhere while you wrote")).toBeVisible();
  await expect(editor(page, "Code")).toContainText("=> 30");
  await expect(page.getByRole("button", { name: "Save" })).toBeDisabled();
  await page.getByText("What differs: theirs, and yours").click();
  await expect(editor(page, "Definition, before")).toContainText("=> 4");
  await accessible(page);
  await page.getByRole("button", { name: "Keep mine" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("The function was saved.")).toBeVisible();
  await expect(editor(page, "Code")).toContainText("=> 30");
  await expect(editor(page, "Event")).toContainText("mine");

  await write(page, "Code", "export const handler = () => 50;\n");
  await elsewhere("export const handler = () => 6;\n");
  await page.getByRole("button", { name: "Take that one" }).click();
  await expect(editor(page, "Code")).toContainText("=> 6");
  await expect(page.getByRole("button", { name: "Save" })).toBeDisabled();
});

test("an editor is not left without a question", async ({ page, api }) => {
  const workflow = await api.workflow(fresh("order"), ORDER);
  await page.goto(`/executions?workflow=${workflow.id}`);
  await page.getByRole("link", { name: "Workflows", exact: true }).click();
  await page.getByRole("link", { name: workflow.name, exact: true }).click();
  await expect(page.getByText("The definition is valid")).toBeVisible();
  // Nothing is written: nothing is asked.
  await page.getByRole("link", { name: "Projects", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Projects", level: 1 })).toBeVisible();
  await page.goBack();
  await write(page, "Definition", WAITING);

  await page.getByRole("link", { name: "Projects", exact: true }).click();
  await expect(question(page)).toBeVisible();
  await accessible(page);
  await question(page).getByRole("button", { name: "Stay" }).click();
  await expect(editor(page, "Definition")).toContainText("# of mine");
  await page.goBack();
  await question(page).getByRole("button", { name: "Stay" }).click();
  await expect(editor(page, "Definition")).toContainText("# of mine");

  const asked = page.waitForEvent("dialog");
  await page.evaluate(() => { setTimeout(() => { location.reload(); }); });
  const dialog = await asked;
  expect(dialog.type()).toBe("beforeunload");
  await dialog.dismiss();
  await expect(editor(page, "Definition")).toContainText("# of mine");

  await page.getByRole("link", { name: "Functions", exact: true }).click();
  await question(page).getByRole("button", { name: "Leave" }).click();
  await expect(page.getByRole("heading", { name: "Functions", level: 1 })).toBeVisible();
});

test("what is saved needs no question", async ({ page }) => {
  const name = fresh("greet");
  await page.goto("/workflows/new");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("link", { name: "Projects", exact: true }).click();
  await question(page).getByRole("button", { name: "Stay" }).click();
  await write(page, "Definition", WAITING);
  await expect(page.getByText("The definition is valid")).toBeVisible();
  await page.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
  await page.getByRole("link", { name: "Projects", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Projects", level: 1 })).toBeVisible();
});

test("forms and dialogs ask too", async ({ page, api }) => {
  await page.goto("/projects/new");
  await page.getByRole("button", { name: "From requirements" }).click();
  await page.getByLabel("What should be made?").fill("A long story");
  await page.getByRole("link", { name: "Workflows", exact: true }).click();
  await question(page).getByRole("button", { name: "Stay" }).click();
  await expect(page.getByLabel("What should be made?")).toHaveValue("A long story");
  await page.getByRole("button", { name: "Cancel" }).click();
  await question(page).getByRole("button", { name: "Leave" }).click();

  const workflow = await api.workflow(fresh("order"), ORDER);
  await page.goto(`/workflows/${workflow.id}`);
  await page.getByRole("button", { name: "Start execution" }).click();
  const dialog = page.getByRole("dialog", { name: /^Start / });
  await dialog.getByLabel("Name").fill("number-7");
  await page.keyboard.press("Escape");
  await expect(dialog.getByText("Back gives it up")).toBeVisible();
  await expect(dialog.getByLabel("Name")).toHaveValue("number-7");
  await dialog.getByRole("button", { name: "Back" }).click();
  await expect(dialog).toHaveCount(0);
});

test("comments outlive the way to JSON and back", async ({ page, api }) => {
  const workflow = await api.post("/api/workflows", { name: fresh("order"), definition: "# why it is so\nStartAt: A\nStates:\n  A:\n    Type: Succeed # at last\n", publish: true });
  await page.goto(`/workflows/${workflow.id}`);
  await expect(editor(page, "Definition")).toContainText("# why it is so");
  await page.getByRole("button", { name: "JSON" }).click();
  await expect(page.getByText("JSON has no comments")).toBeVisible();
  await accessible(page);
  await write(page, "Definition", '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}');
  await page.getByRole("button", { name: "YAML" }).click();
  await expect(editor(page, "Definition")).toContainText("# why it is so");
  await expect(editor(page, "Definition")).toContainText("Type: Pass # at last");
  await expect(page.getByText("JSON has no comments")).toHaveCount(0);
});

test("a function may be called new", async ({ page }) => {
  const project = fresh("shop");
  await made(page, project, "new");
  await page.goto(`/functions?project=${project}`);
  await page.getByRole("link", { name: "new", exact: true }).click();
  await expect(page.getByRole("heading", { name: "new", exact: true })).toBeVisible();
  await expect(editor(page, "Code")).toContainText("=> 1");
  await page.goto(`/functions?project=${project}`);
  await page.getByRole("link", { name: "Create function" }).first().click();
  await expect(page.getByText(`In the project ${project}`)).toBeVisible();
});

test.describe("with keys", () => {
  const adminOf = (server: Running) => (JSON.parse(readFileSync(join(server.data, "admin-key.json"), "utf8")) as { key: string }).key;

  test("a key that ends takes nothing with it, and exports carry it", async ({ browser }) => {
    const server = await launch(["--auth", "keys"]);
    try {
      const key = adminOf(server);
      const page = await browser.newPage({ baseURL: server.url });
      const headers = { authorization: `Bearer ${key}` };
      const other = (await (await page.request.post("/api/keys", { headers, data: { name: "mine", role: "admin" } })).json()) as { id: string; key: string };
      const workflow = (await (await page.request.post("/api/workflows", { headers, data: { name: "order", definition: ORDER, publish: true } })).json()) as { id: string };
      await page.goto(`/workflows/${workflow.id}`);
      await page.getByLabel("API key").fill("schlüssel-🎉");
      await page.keyboard.press("Enter");
      await expect(page.getByText("This is no key")).toBeVisible();
      await page.getByLabel("API key").fill(other.key);
      await page.keyboard.press("Enter");
      await expect(page.getByText("The definition is valid")).toBeVisible();
      await write(page, "Definition", WAITING);
      await expect(page.getByText("The definition is valid")).toBeVisible();
      expect((await page.request.delete(`/api/keys/${other.id}`, { headers })).ok()).toBe(true);

      await page.getByRole("button", { name: "Save" }).click();
      await expect(page.getByText("The server refused the key")).toBeVisible();
      await page.keyboard.press("Escape");
      await page.keyboard.press("Escape");
      await expect(page.getByLabel("API key")).toBeFocused();
      await page.keyboard.press("Tab");
      await page.keyboard.press("Tab");
      await expect(page.locator("[inert] :focus")).toHaveCount(0);
      await accessible(page);
      await page.getByLabel("API key").fill(key);
      await page.keyboard.press("Enter");
      await expect(editor(page, "Definition")).toContainText("# of mine");
      await page.getByRole("button", { name: "Save" }).click();
      await expect(page.getByText("The workflow was saved as a new version.")).toBeVisible();

      // Signing out is a way to leave as any other.
      await write(page, "Definition", `# more\n${WAITING}`);
      await page.getByRole("button", { name: "Sign out" }).first().click();
      await question(page).getByRole("button", { name: "Stay" }).click();
      await expect(editor(page, "Definition")).toContainText("# more");
      const execution = (await (await page.request.post(`/api/workflows/${workflow.id}/executions`, { headers, data: { name: "seven", input: {} } })).json()) as { id: string };
      await page.getByRole("link", { name: "Executions", exact: true }).first().click();
      await question(page).getByRole("button", { name: "Leave" }).click();
      await page.getByRole("link", { name: "seven" }).click();
      await expect(page).toHaveURL(new RegExp(execution.id));
      for (const [format, ending, begin] of [["Graph as SVG", "svg", "<svg"], ["Graph as Mermaid", "mmd", "stateDiagram"]] as const) {
        await page.getByRole("button", { name: "Export" }).click();
        const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: format }).click()]);
        expect(download.suggestedFilename()).toBe(`seven.${ending}`);
        expect(readFileSync(await download.path(), "utf8")).toContain(begin);
      }
      await page.evaluate(() => { sessionStorage.setItem("millrace.input.x", "a secret"); });
      await page.getByRole("button", { name: "Sign out" }).first().click();
      await expect(page.getByLabel("API key")).toBeVisible();
      expect(await page.evaluate(() => Object.keys(sessionStorage))).toEqual([]);
      await page.close();
    } finally {
      await server.stop();
    }
  });

  test("the way to the issuer and back keeps what is in the editor", async ({ browser }) => {
    const issuer = await startIssuer();
    const server = await launch(["--auth", "keys"], { MILLRACE_OIDC_ISSUER: issuer.url, MILLRACE_OIDC_AUDIENCE: "console", MILLRACE_OIDC_CLIENT_ID: "console" });
    try {
      const page = await browser.newPage({ baseURL: server.url });
      await page.goto("/workflows/new");
      await page.getByRole("button", { name: "Sign in with your account" }).click();
      await expect(page.getByText("The definition is valid")).toBeVisible();
      await write(page, "Definition", WAITING);
      await page.evaluate(() => { sessionStorage.setItem("millrace.key", "gone"); sessionStorage.removeItem("millrace.renewal"); });
      // The check of what is written is the next request.
      await write(page, "Definition", `${WAITING}# and more\n`);
      await page.getByRole("button", { name: "Sign in with your account" }).click();
      await expect(page.getByText("The definition is valid")).toBeVisible();
      await expect(editor(page, "Definition")).toContainText("# of mine");
      await page.getByRole("link", { name: "Projects", exact: true }).click();
      await question(page).getByRole("button", { name: "Leave" }).click();
      await expect(page.getByRole("heading", { name: "Projects", level: 1 })).toBeVisible();
      await page.goBack();
      await expect(editor(page, "Definition")).toContainText("Greets whoever");
      await page.close();
    } finally {
      await server.stop();
      await issuer.stop();
    }
  });
});
