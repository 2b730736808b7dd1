import { accessible, expect, test, url } from "./base";

test("the whole console is dark when the system is", async ({ browser, api }) => {
  await api.project({ template_id: "static-site", parameters: { name: "dark-site" } });
  const context = await browser.newContext({ colorScheme: "dark", baseURL: url() });
  const page = await context.newPage();
  for (const path of ["/projects", "/projects/new", "/workflows", "/workflows/new", "/executions", "/functions", "/schedules", "/webhooks", "/settings"]) {
    await page.goto(path);
    await expect(page.locator("h1").first()).toBeVisible();
    await expect(page.locator("body")).toHaveCSS("background-color", "rgb(22, 29, 38)");
    await accessible(page);
  }
  await context.close();
});

test("a mode is chosen", async ({ page }) => {
  await page.goto("/projects");
  await page.getByRole("button", { name: "Appearance" }).first().click();
  await page.getByRole("menuitemcheckbox", { name: "Dark" }).click();
  await expect(page.locator("body")).toHaveClass(/awsui-dark-mode/);
  await page.reload();
  await expect(page.locator("body")).toHaveClass(/awsui-dark-mode/);
});

test("a server that asks for a key gets one", async ({ page }) => {
  // The server of this test asks nobody: the answers are made to.
  let given = "";
  await page.route("**/api/**", async (route) => {
    given = route.request().headers().authorization ?? "";
    if (given === "Bearer right") await route.fallback();
    else await route.fulfill({ status: 401, contentType: "application/problem+json", body: JSON.stringify({ code: "unauthorized", title: "Who are you?", detail: "", status: 401 }) });
  });
  await page.goto("/executions");
  await page.getByLabel("API key").fill("wrong");
  await page.keyboard.press("Enter");
  await expect(page.getByText("The server refused the key")).toBeVisible();
  await accessible(page);
  await page.getByLabel("API key").fill("right");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: /Executions/ })).toBeVisible();
  await page.getByRole("button", { name: "Sign out" }).first().click();
  await expect(page.getByLabel("API key")).toBeVisible();
});

test("a server that is gone says so, and comes back by itself", async ({ page }) => {
  await page.route("**/api/**", (route) => route.abort());
  await page.goto("/workflows");
  await expect(page.getByText("The server can't be reached")).toBeVisible();
  await accessible(page);
  await page.unroute("**/api/**");
  await expect(page.getByText("The server can't be reached")).toHaveCount(0, { timeout: 30_000 });
});

test("every part is reached with the keyboard", async ({ page }) => {
  await page.goto("/projects");
  await expect(page.locator("h1")).toBeVisible();
  for (const name of ["Workflows", "Executions", "Functions", "Schedules", "Webhooks", "Settings"]) {
    await page.getByRole("link", { name, exact: true }).first().focus();
    await page.keyboard.press("Enter");
    await expect(page.locator("h1").first()).toContainText(name);
  }
});

test("the document lets nothing else in", async ({ request }) => {
  const answer = await request.get(url(), { headers: { accept: "text/html" } });
  const policy = answer.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self';");
  expect(policy).toContain("connect-src 'self'");
  expect(await (await request.get(`${url()}/api/nothing`, { headers: { accept: "text/html" } })).text()).toContain("not-found");
});
