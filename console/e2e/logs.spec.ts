import { accessible, expect, fresh, test, url } from "./base";

const CODE = `export const handler = async (event) => {
  for (let number = 0; number < 60; number += 1) console.log(\`greeting \${number} to \${event.name}\`);
  console.warn("this one is careful");
  if (event.name === "nobody") throw new Error("whom?");
  return { ok: true };
};`;

/** A workflow that greets, waits and greets again. */
const greets = (project: string) => {
  const greet = { Type: "Task", Resource: `millrace:function:${project}/greet`, ResultPath: "$.greeted" };
  return { StartAt: "Greet", States: { Greet: { ...greet, Next: "Rest" }, Rest: { Type: "Wait", Seconds: 4, Next: "Again" }, Again: { ...greet, End: true } } };
};

test("what an execution logged is followed, filtered and read", async ({ page, api }) => {
  const project = fresh("shop");
  await api.post(`/api/functions/projects/${project}`, { function_name: "greet", code: CODE });
  const workflow = await api.workflow(fresh("greets"), greets(project));
  const execution = await api.run(workflow.id, { input: { name: "Ada" } }, false);
  await page.goto(`/executions/${execution.id}`);
  await page.getByRole("button", { name: "Logs" }).click();
  const records = page.getByRole("listbox", { name: /^Log records/ });
  await expect(records.getByRole("option", { name: /this one is careful/ }).first()).toBeVisible();
  // It runs on, and what comes then shows by itself.
  await expect(records.getByRole("option", { name: /an execution ended/ })).toBeVisible({ timeout: 30_000 });
  const count = Number((await records.getAttribute("aria-label"))?.split(", ")[1]);
  expect(count).toBeGreaterThan(125);
  // Only what is in view exists.
  expect(await records.getByRole("option").count()).toBeLessThan(60);

  await page.getByRole("searchbox", { name: "Text" }).fill("GREETING 59");
  await expect(records).toHaveAccessibleName("Log records, 2");
  await records.getByRole("option").first().click();
  await expect(page.getByRole("textbox", { name: "The chosen record" })).toContainText('"function": "greet"');
  await accessible(page);
  await page.getByRole("searchbox", { name: "Text" }).fill("nothing says this");
  await expect(page.getByText("No record matches")).toBeVisible();
  await page.getByRole("button", { name: "Show all" }).click();
  await page.getByRole("button", { name: /^Level/ }).click();
  await page.getByRole("option", { name: "Warnings and errors" }).click();
  await expect(records).toHaveAccessibleName("Log records, 2");
  await records.focus();
  await page.keyboard.press("End");
  await expect(records.getByRole("option", { selected: true })).toContainText("this one is careful");
});

test("where logs are elsewhere, or nowhere, that is told", async ({ page, api }) => {
  const workflow = await api.workflow(fresh("passes"), { StartAt: "Pass", States: { Pass: { Type: "Pass", End: true } } });
  const execution = await api.run(workflow.id);
  const path = `${url()}/api/executions/${execution.id}/logs?*`;
  // As a deployment on AWS answers.
  const link = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:logs-insights$3FqueryDetail$3D~(source~(~'x))";
  await page.route(path, (route) => route.fulfill({ json: { kind: "link", items: [], next_cursor: null, follow_cursor: null, url: link } }));
  await page.goto(`/executions/${execution.id}`);
  await page.getByRole("button", { name: "Logs" }).click();
  const open = page.getByRole("link", { name: /Open in CloudWatch Logs Insights/ });
  await expect(open).toHaveAttribute("href", link);
  await expect(open).toHaveAttribute("target", "_blank");
  await accessible(page);

  await page.unroute(path);
  const detail = "this server keeps no logs: start it with --keep-logs-days of at least 1";
  const problem = { type: "/errors/not-configured", title: "Something is not configured", status: 422, detail, code: "not-configured" };
  await page.route(path, (route) => route.fulfill({ status: 422, contentType: "application/problem+json", json: problem }));
  await page.reload();
  await page.getByRole("button", { name: "Logs" }).click();
  await expect(page.getByText(detail)).toBeVisible({ timeout: 30_000 });
});

test("a project has its logs", async ({ page, api }) => {
  const project = await api.project({ template_id: "python-cli", parameters: { name: "tool" } });
  await page.goto(`/projects/${project.id}?tab=logs`);
  await expect(page.getByRole("listbox", { name: /^Log records/ }).getByRole("option", { name: /did a task/ }).first()).toBeVisible();
  await accessible(page);
});
