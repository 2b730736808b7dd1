import { accessible, expect, fresh, ORDER, test, write } from "./base";

test("a workflow is written, checked, made, run and changed", async ({ page }) => {
  const name = fresh("greet");
  await page.goto("/workflows/new");
  await expect(page.getByText("The definition is valid")).toBeVisible();
  await page.getByLabel("Name", { exact: true }).fill(name);

  await write(page, "Definition", "StartAt: Greet\nStates:\n  Greet:\n    Type: Passe\n    End: true\n");
  await expect(page.getByRole("button", { name: /Line 4: .*Type/ })).toBeVisible();
  await expect(page.locator(".cm-lintRange-error")).toHaveText("Passe");
  await expect(page.getByRole("button", { name: "Create" })).toBeDisabled();
  await accessible(page);

  await write(page, "Definition", "StartAt: Greet\nStates:\n  Greet:\n    Type: Pass\n    Next: Done\n  Done:\n    Type: Succeed\n");
  await expect(page.getByText("The definition is valid")).toBeVisible();
  await expect(page.getByRole("group", { name: "Greet, Pass" })).toBeVisible();
  await page.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();

  await page.getByRole("button", { name: "JSON" }).click();
  await expect(page.getByRole("textbox", { name: "Definition" })).toContainText('"StartAt": "Greet"');
  await write(page, "Definition", JSON.stringify({ StartAt: "Greet", States: { Greet: { Type: "Pass", Result: "hi", End: true } } }, null, 2));
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("saved as a new version")).toBeVisible();
  await page.getByRole("tab", { name: "Versions" }).click();
  await expect(page.getByText("The newest is version 2")).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Definition, after" })).toContainText("Result: hi");
  await accessible(page);

  await page.getByRole("button", { name: "Start execution" }).click();
  const dialog = page.getByRole("dialog");
  await write(page, "Input", '{"who": "Ada"}');
  await dialog.getByLabel(/^Attributes/).fill("customer=7");
  await accessible(page);
  await dialog.getByRole("button", { name: "Start" }).click();
  await expect(page).toHaveURL(/\/executions\/exe_/);
  await expect(page.getByText("Succeeded").first()).toBeVisible();
  await expect(page.getByText("customer=7")).toBeVisible();
});

test("an execution is started by a form of what the definition reads", async ({ page, api }) => {
  const definition = {
    QueryLanguage: "JSONata",
    StartAt: "Wait",
    States: { Wait: { Type: "Wait", Seconds: "{% $states.input.pause %}", Next: "Answer" }, Answer: { Type: "Pass", Output: { who: "{% $states.input.customer.name %}", all: "{% $states.input.items %}" }, End: true } },
  };
  const workflow = await api.workflow(fresh("form"), definition);
  await page.goto(`/workflows/${workflow.id}`);
  await page.getByRole("button", { name: "Start execution" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/^pause/).fill("1");
  await dialog.getByLabel(/^name/).fill("Ada");
  await dialog.getByLabel(/^items/).fill("[1, 2]");
  await accessible(page);
  await dialog.getByRole("button", { name: "JSON" }).click();
  await expect(dialog.getByRole("textbox", { name: "Input" })).toContainText('"pause": 1');
  await dialog.getByRole("button", { name: "Form" }).click();
  await expect(dialog.getByLabel(/^items/)).toHaveValue("[1,2]");
  await dialog.getByRole("button", { name: "Start" }).click();
  await expect(page.getByText("Succeeded").first()).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Output of the execution" })).toContainText('"who": "Ada"');
});

test("a schema is saved with the definition, makes the form and refuses what does not fit", async ({ page, api }) => {
  const definition = { StartAt: "Done", States: { Done: { Type: "Pass", End: true } } };
  const workflow = await api.workflow(fresh("schema"), definition);
  await page.goto(`/workflows/${workflow.id}`);
  await page.getByRole("tab", { name: "Input" }).click();
  await page.getByRole("button", { name: "Add a schema" }).click();
  await write(page, "Schema of the input", '{ "type": "object", "properties": { "n": { "type": "whole" } } }');
  await expect(page.getByText("/properties/n/type: must be")).toBeVisible();
  await expect(page.getByRole("button", { name: "Save" })).toBeDisabled();
  await accessible(page);
  const schema = { type: "object", required: ["customer"], properties: { customer: { type: "string", title: "Customer", minLength: 2 }, count: { type: "integer", default: 3 }, size: { enum: ["small", "large"] } } };
  await write(page, "Schema of the input", JSON.stringify(schema, null, 2));
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("The workflow was saved as a new version.")).toBeVisible();
  await page.getByRole("tab", { name: "Versions" }).click();
  await expect(page.getByRole("heading", { name: "Schema of the input" })).toBeVisible();

  await page.getByRole("button", { name: "Start execution" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel(/^count/)).toHaveValue("3");
  await dialog.getByLabel("Customer").fill("A");
  await dialog.getByRole("button", { name: "Start" }).click();
  await expect(dialog.getByText("is too short; give at least 2 characters").first()).toBeVisible();
  await accessible(page);
  await dialog.getByLabel("Customer").fill("Ada");
  await dialog.getByRole("button", { name: "Start" }).click();
  await expect(page.getByText("Succeeded").first()).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Output of the execution" })).toContainText('"count": 3');
});

test("completion knows the language", async ({ page }) => {
  await page.goto("/workflows/new");
  await write(page, "Definition", "StartAt: A\nStates:\n  A:\n    Type: Wait\n    Next: B\n  B:\n    Type: ");
  await page.keyboard.press("Control+Space");
  await expect(page.getByRole("option", { name: "Parallel" })).toBeVisible();
  await page.keyboard.press("Escape");
  await write(page, "Definition", "StartAt: A\nStates:\n  A:\n    Type: Wait\n    Next: ");
  await page.keyboard.press("Control+Space");
  await expect(page.getByRole("option", { name: "A", exact: true })).toBeVisible();
  await page.keyboard.press("Escape");
  await write(page, "Definition", "StartAt: A\nStates:\n  A:\n    Type: Wait\n    Sec");
  await page.keyboard.press("Control+Space");
  await expect(page.getByRole("option", { name: "Seconds", exact: true })).toBeVisible();
});

test("a state is tested on its own", async ({ page, api }) => {
  const workflow = await api.workflow(fresh("order"), ORDER);
  await page.goto(`/workflows/${workflow.id}`);
  await page.getByRole("group", { name: "Label, Pass" }).click();
  await page.getByRole("tab", { name: "Test a state" }).click();
  await write(page, "Input of the state", "42");
  await page.getByRole("button", { name: "Test Label" }).click();
  await expect(page.getByRole("textbox", { name: "Output of the state" })).toContainText("box 42");
  await accessible(page);
});

test("functions are written, called and switched off", async ({ page }) => {
  const name = fresh("add");
  await page.goto("/functions?project=shop");
  await page.getByRole("link", { name: "Create function" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await write(page, "Code", 'export const handler = async (event) => { console.warn("adding"); return { sum: event.a + event.b }; };');
  await page.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
  await write(page, "Event", '{"a": 2, "b": 40}');
  await page.getByRole("button", { name: "Invoke" }).click();
  await expect(page.getByRole("textbox", { name: "Result" })).toContainText('"sum": 42');
  await expect(page.getByRole("list", { name: "Logs" })).toContainText("adding");
  await accessible(page);
  await write(page, "Code", 'export const handler = async () => { throw new TypeError("no such thing"); };');
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("The function was saved.")).toBeVisible();
  await page.getByRole("button", { name: "Invoke" }).click();
  await expect(page.getByText("no such thing").first()).toBeVisible();
  await page.getByRole("button", { name: "Disable" }).click();
  await expect(page.getByText("Disabled", { exact: true })).toBeVisible();
  await page.goto("/functions?project=shop");
  await expect(page.getByRole("link", { name })).toBeVisible();
  await accessible(page);
});

test("limits are set", async ({ page }) => {
  const key = fresh("tenant");
  await page.goto("/settings");
  await page.getByRole("button", { name: "Set a limit" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Key").fill(key);
  await dialog.getByLabel("At once").fill("2");
  await dialog.getByLabel("How often").fill("10/60");
  await dialog.getByRole("button", { name: "Set" }).click();
  await expect(page.getByRole("row", { name: new RegExp(key) })).toContainText("2 at once, 10 in 60 s");
  await accessible(page);
});
