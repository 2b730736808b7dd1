import { strToU8, zipSync } from "fflate";
import { accessible, expect, fresh, test } from "./base";

test("a project from a template, from the form to the package", async ({ page }) => {
  const name = fresh("books");
  await page.goto("/");
  await expect(page).toHaveURL(/\/projects$/);
  await page.getByRole("link", { name: "Create project" }).first().click();
  await page.getByText("Python REST API on AWS Lambda").click();
  await page.getByLabel("Name", { exact: true }).first().fill("Not A Name");
  await page.getByRole("button", { name: "Create project" }).click();
  await expect(page.getByText("use lower-case letters")).toBeVisible();
  await page.getByLabel("Name", { exact: true }).first().fill(name);
  await page.getByRole("button", { name: "Create project" }).click();

  await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
  await expect(page.getByText("Completed").first()).toBeVisible({ timeout: 30_000 });
  await accessible(page);

  await page.getByRole("tab", { name: "Plan" }).click();
  await page.getByRole("group", { name: /^storage, Store records/ }).click();
  await expect(page.getByRole("heading", { name: "Store records" })).toBeVisible();
  await accessible(page);

  await page.getByRole("tab", { name: "Files" }).click();
  await page.getByRole("button", { name: "fields.py", exact: true }).click();
  await expect(page.getByRole("textbox", { name: /fields\.py$/ })).toContainText("def ");
  await accessible(page);

  await page.getByRole("tab", { name: "Test reports" }).click();
  await expect(page.getByText("Rating A, score 100")).toBeVisible();
  await page.getByRole("tab", { name: "Events" }).click();
  await expect(page.getByText("PM plans the project.")).toBeVisible();
  await accessible(page);

  const downloading = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download package" }).click();
  expect((await downloading).suggestedFilename()).toMatch(new RegExp(`^${name}-.*\\.zip$`));
});

test("a modification, and what it changed", async ({ page, api }) => {
  const project = await api.project({ template_id: "static-site", parameters: { name: fresh("site") } });
  await page.goto(`/projects/${project.id}`);
  await page.getByRole("button", { name: "Modify" }).click();
  const dialog = page.getByRole("dialog", { name: /^Modify/ });
  await dialog.getByLabel(/^Description/).first().fill("Something else entirely.");
  await dialog.getByRole("button", { name: "Start the modification" }).click();
  await expect(page.getByText("2 (modify)")).toBeVisible();
  await expect(page.getByText("Completed").first()).toBeVisible({ timeout: 30_000 });
  await page.getByRole("tab", { name: "Changes" }).click();
  await page.getByRole("button", { name: /README\.md$/ }).click();
  await expect(page.getByRole("textbox", { name: "README.md, after" })).toContainText("Something else entirely.");
  await expect(page.getByRole("textbox", { name: "README.md, before" })).not.toContainText("Something else entirely.");
  await accessible(page);
});

test("a plan that waits is approved", async ({ page, api }) => {
  const project = await api.project({ template_id: "python-cli", parameters: { name: fresh("tool") }, approve_plan: true });
  await page.goto(`/projects/${project.id}`);
  await expect(page.getByText("The plan waits for your approval")).toBeVisible();
  await page.getByRole("button", { name: "Reject" }).click();
  await expect(page.getByRole("dialog").getByRole("button", { name: "Reject" })).toBeDisabled();
  await page.getByRole("dialog").getByRole("button", { name: "Back" }).click();
  await page.getByRole("button", { name: "Approve", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Approve", exact: true }).click();
  await expect(page.getByText("Completed").first()).toBeVisible({ timeout: 30_000 });
});

test("without a model, requirements say what to do", async ({ page }) => {
  await page.goto("/projects/new");
  await page.getByRole("button", { name: "From requirements" }).click();
  await page.getByLabel("What should be made?").fill("A list of things to do.");
  await page.getByRole("button", { name: "Create project" }).click();
  await expect(page.getByText("Requirements in words need a language model")).toBeVisible();
  await accessible(page);
  await page.getByRole("button", { name: "Use a template instead" }).click();
  await expect(page.getByText("Static web site on S3 and CloudFront")).toBeVisible();
});

test("code that is there already is imported", async ({ page }) => {
  const name = fresh("shop");
  await page.goto("/projects/new");
  await page.getByRole("button", { name: "From an archive" }).click();
  const buffer = Buffer.from(zipSync({ "shop/greet.py": strToU8('def greet(name):\n    """Say hello."""\n    return f"Hello, {name}"\n') }));
  await page.locator("input[type=file]").setInputFiles({ name: "shop.zip", mimeType: "application/zip", buffer });
  await page.getByLabel("Name", { exact: true }).fill(name);
  await accessible(page);
  await page.getByRole("button", { name: "Create project" }).click();
  await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
  await expect(page.getByText("Completed").first()).toBeVisible({ timeout: 30_000 });
  await page.getByRole("tab", { name: "Files" }).click();
  await expect(page.getByRole("textbox", { name: /greet\.py$/ })).toContainText("Say hello");
});

test("what is not there says so", async ({ page }) => {
  await page.goto("/projects/prj_01m7z5y3rdykr5wpwgxrryrjn8");
  await expect(page.getByText(/not found|no project|There is no/i).first()).toBeVisible();
  await page.goto("/settings/nothing/here");
  await expect(page.getByText("There is no such page")).toBeVisible();
});
