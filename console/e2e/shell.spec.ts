import { readFileSync } from "node:fs";
import { join } from "node:path";
import { accessible, expect, fresh, ORDER, test, url } from "./base";
import { startIssuer } from "./issuer";
import { launch } from "./server";

const PATHS = [
  "/projects", "/projects/new", "/workflows", "/workflows/new", "/executions", "/functions", "/schedules", "/webhooks", "/subscriptions", "/queues",
  "/queues/engine", "/settings",
];

test("every page can be used by everybody on a phone", async ({ browser, api }) => {
  await api.workflow(fresh("on-a-phone"), ORDER);
  const context = await browser.newContext({ viewport: { width: 400, height: 800 }, baseURL: url() });
  const page = await context.newPage();
  for (const path of PATHS) {
    await page.goto(path);
    await expect(page.locator("h1").first()).toBeVisible();
    await accessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(400);
  }
  await context.close();
});

test("the whole console is dark when the system is", async ({ browser, api }) => {
  await api.project({ template_id: "static-site", parameters: { name: "dark-site" } });
  const context = await browser.newContext({ colorScheme: "dark", baseURL: url() });
  const page = await context.newPage();
  for (const path of PATHS) {
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

test("a server that asks for a key gets one", async ({ browser }) => {
  const server = await launch(["--auth", "keys"]);
  try {
    const { key } = JSON.parse(readFileSync(join(server.data, "admin-key.json"), "utf8")) as { key: string };
    const page = await browser.newPage({ baseURL: server.url });
    await page.goto("/workflows/new");
    await page.getByLabel("API key").fill("millrace_wrong");
    await page.keyboard.press("Enter");
    await expect(page.getByText("The server refused the key")).toBeVisible();
    await accessible(page);
    await page.getByLabel("API key").fill(key);
    await page.keyboard.press("Enter");
    await expect(page.getByText("The definition is valid")).toBeVisible();
    await page.getByRole("tab", { name: "Test a state" }).click();
    await page.getByRole("button", { name: "Test Greet" }).click();
    await expect(page.getByRole("textbox", { name: "Output of the state" })).toContainText("Hello, Ada");
    await page.getByRole("button", { name: "Sign out" }).first().click();
    await expect(page.getByLabel("API key")).toBeVisible();
    await page.reload();
    await expect(page.getByLabel("API key")).toBeVisible();
    await page.close();
  } finally {
    await server.stop();
  }
});

test("people sign in with the server's issuer, and stay so while it renews their token", async ({ browser }) => {
  const issuer = await startIssuer();
  const server = await launch(["--auth", "keys"], {
    MILLRACE_OIDC_ISSUER: issuer.url,
    MILLRACE_OIDC_AUDIENCE: "console",
    MILLRACE_OIDC_CLIENT_ID: "console",
    MILLRACE_OIDC_SCOPE: "openid offline_access",
  });
  try {
    const page = await browser.newPage({ baseURL: server.url });
    await page.goto("/workflows?status=any");
    await expect(page.getByRole("button", { name: "Sign in with your account" })).toBeVisible();
    await accessible(page);
    await page.getByRole("button", { name: "Sign in with your account" }).click();
    await expect(page.getByRole("heading", { name: "Workflows", level: 1 })).toBeVisible();
    expect(new URL(page.url()).pathname + new URL(page.url()).search).toBe("/workflows?status=any");
    expect(issuer.asked).toMatchObject({ client_id: "console", scope: "openid offline_access", code_challenge_method: "S256", response_type: "code" });

    // The issuer's tokens end within the minute in which they are renewed.
    await page.goto("/settings");
    await expect(page.getByRole("heading", { name: "Settings", level: 1 })).toBeVisible();
    expect(issuer.renewed).toBeGreaterThan(0);

    // An answer that this tab did not ask for signs nobody in.
    await page.goto("/sign-in?code=stolen&state=guessed");
    await expect(page.getByText("not to a question of this tab")).toBeVisible();
    await accessible(page);

    issuer.refuses = true;
    await page.goto("/workflows");
    await expect(page.getByRole("button", { name: "Sign in with your account" })).toBeVisible();
    await page.getByRole("button", { name: "Sign in with your account" }).click();
    await expect(page.getByText("the issuer refused: invalid_grant")).toBeVisible();
    await page.close();
  } finally {
    await server.stop();
    await issuer.stop();
  }
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
