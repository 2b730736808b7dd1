// What pages say is so.

import { expect, fresh, ORDER, test, write } from "./base";

const AT_ONCE = { StartAt: "A", States: { A: { Type: "Fail", Error: "Broken", Cause: "at once" } } };

test("an editor says what is wrong with what it has, and is the server's YAML", async ({ page, api }) => {
  const workflow = await api.workflow(fresh("order"), ORDER);
  await page.goto(`/workflows/${workflow.id}`);
  await write(page, "Definition", "StartAt: A\nStates: { A: { Type: Pass, Result: no, End: yes } }\n");
  await expect(page.getByText("The definition is valid")).toBeVisible();
  await page.getByRole("button", { name: "JSON" }).click();
  await expect(page.getByRole("textbox", { name: "Definition" })).toContainText('"Result": false');
  await expect(page.getByText("The definition is valid")).toBeVisible();
  await write(page, "Definition", '{"StartAt": "A", "States": {"A": {"Type: "Pass",\n"End": true}}}');
  await expect(page.getByRole("button", { name: /^Line/ })).toHaveCount(1);
  await expect(page.getByRole("button", { name: /Line 1: This is not JSON/ })).toBeVisible();
  await page.getByRole("textbox", { name: "Definition" }).click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  await expect(page.getByText("The definition is empty.")).toBeVisible();
  await expect(page.getByText("Checking")).toHaveCount(0);
  await page.getByRole("tab", { name: "Versions" }).click();
  await expect(page).toHaveURL(/tab=versions/);
  await page.getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("running executions are stopped")).toBeVisible();
});

test("an execution that went through at once can't be forked, and its page says so", async ({ page, api }) => {
  const workflow = await api.workflow(fresh("once"), AT_ONCE);
  const execution = await api.run(workflow.id);
  await page.goto(`/executions/${execution.id}`);
  await page.getByRole("option", { name: /^A ?, failed, / }).click();
  await page.getByRole("tab", { name: "Output" }).click();
  await expect(page).toHaveURL(/show=output/);
  await page.getByRole("button", { name: /^Fork/ }).click();
  await expect(page.getByText("It went from its start to its end at once")).toBeVisible();
  await expect(page.getByRole("dialog").getByRole("button", { name: "Fork", exact: true })).toBeDisabled();
  await page.getByRole("dialog").getByRole("button", { name: "Back" }).click();
  await page.getByRole("button", { name: "Redrive" }).click();
  await page.getByRole("dialog").getByText("Give the failed state another input").click();
  await write(page, "Input", "{oops");
  await expect(page.getByRole("dialog").getByRole("button", { name: "Redrive" })).toBeDisabled();
  await expect(page.getByRole("dialog").getByText(/JSON/).first()).toBeVisible();
});

test("what is searched for is what the address says", async ({ page, api }) => {
  const workflow = await api.workflow(fresh("many"), AT_ONCE);
  for (const name of ["one", "two", "three"]) await api.run(workflow.id, { name, attributes: { nr: name } });
  await page.goto(`/executions?workflow=${workflow.id}&attribute=zz`);
  await expect(page.getByText("Attributes are searched for as name=value")).toBeVisible();
  await page.getByRole("searchbox", { name: "Attributes" }).fill("nr=two");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("link", { name: "three" })).toHaveCount(0);
  await page.getByRole("link", { name: "Executions", exact: true }).first().click();
  await expect(page.getByRole("searchbox", { name: "Attributes" })).toHaveValue("");
  await page.goto(`/executions?workflow=${workflow.id}`);
  await page.getByRole("checkbox", { name: "Select executions" }).click({ force: true });
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.getByRole("link", { name: "three" })).toBeVisible();
  await expect(page.getByRole("link", { name: "two" })).toBeVisible();
});
