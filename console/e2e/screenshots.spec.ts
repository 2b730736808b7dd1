// Makes the pictures of the documentation: `npm run screenshots`.

import { join, resolve } from "node:path";
import { expect, ORDER, test } from "./base";

const IMAGES = resolve(import.meta.dirname, "../../docs/images");
const shot = (name: string) => join(IMAGES, `${name}.png`);

test("an execution", async ({ page, api }) => {
  const workflow = await api.workflow("orders", ORDER);
  const execution = await api.run(workflow.id, { name: "order-42", input: { customer: "broke", items: ["cup", "plate", "fork"] }, attributes: { customer: "7" } });
  await page.goto(`/executions/${execution.id}`);
  await page.getByRole("group", { name: /^Refuse, Fail, failed/ }).click();
  await page.getByRole("tab", { name: /^Event/ }).click();
  await expect(page.getByRole("textbox", { name: /^Details of event/ })).toBeVisible();
  await page.screenshot({ path: shot("console-execution") });
});

test("a workflow", async ({ page, api }) => {
  const workflow = await api.workflow("deliveries", ORDER);
  await page.goto(`/workflows/${workflow.id}`);
  await expect(page.getByText("The definition is valid")).toBeVisible();
  await page.screenshot({ path: shot("console-workflow") });
});

test("a project", async ({ page, api }) => {
  const project = await api.project({ template_id: "python-rest-api", parameters: { name: "books-api", description: "A catalogue of books." } });
  await page.goto(`/projects/${project.id}?tab=plan`);
  await page.getByRole("group", { name: /^storage, Store records/ }).click();
  await expect(page.getByRole("heading", { name: "Store records" })).toBeVisible();
  await page.screenshot({ path: shot("console-project") });
});
