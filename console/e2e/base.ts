// What every test has: a page that may call nothing but the server and may not complain, and the API to set things up.

import AxeBuilder from "@axe-core/playwright";
import { expect, test as plain, type APIRequestContext, type Page } from "@playwright/test";

export const url = () => process.env.MILLRACE_URL ?? "";

export const test = plain.extend<{ page: Page; api: Api }>({
  // The server's address is known only when it has started.
  baseURL: async ({}, use) => {
    await use(url());
  },
  page: async ({ page }, use) => {
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      // What the server refuses, the browser reports too; the tests look at what the page makes of it.
      const refused = /^Failed to load resource|^WebSocket connection to /;
      if (message.type() === "error" && !refused.test(message.text())) complaints.push(message.text());
    });
    page.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol.startsWith("http") && origin !== new URL(url()).origin) complaints.push(`called ${request.url()}`);
    });
    await use(page);
    expect(complaints).toEqual([]);
  },
  api: async ({ request }, use) => {
    await use(new Api(request));
  },
});
export { expect };

interface Made {
  id: string;
  name: string;
  status: string;
}

/** The API, for what a test needs before it begins. */
export class Api {
  constructor(private readonly request: APIRequestContext) {}

  async post(path: string, data: object): Promise<Made> {
    const answer = await this.request.post(`${url()}${path}`, { data });
    expect(answer.ok(), await answer.text()).toBe(true);
    return (await answer.json()) as Made;
  }

  async get(path: string): Promise<Made> {
    return (await (await this.request.get(`${url()}${path}`)).json()) as Made;
  }

  workflow(name: string, definition: object, more: object = {}): Promise<Made> {
    return this.post("/api/workflows", { name, definition, publish: true, ...more });
  }

  /** Starts an execution, and waits for its end unless told otherwise. */
  async run(workflow: string, body: object = {}, wait = true): Promise<Made> {
    const started = await this.post(`/api/workflows/${workflow}/executions`, body);
    return wait ? this.get(`/api/executions/${started.id}?wait=20`) : started;
  }

  stop(execution: string): Promise<Made> {
    return this.post(`/api/executions/${execution}/stop`, {});
  }

  async project(body: object): Promise<Made> {
    const made = await this.post("/api/projects", body);
    await expect.poll(async () => (await this.get(`/api/projects/${made.id}`)).status, { timeout: 30_000 }).toMatch(/completed|awaiting/);
    return made;
  }
}

/** No rule of WCAG A and AA is broken in a way that axe calls serious or worse. */
export async function accessible(page: Page) {
  const found = await new AxeBuilder({ page }).setLegacyMode().withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]).analyze();
  const bad = found.violations.filter((violation) => violation.impact === "serious" || violation.impact === "critical");
  expect(bad.map((violation) => `${violation.id}: ${violation.help}\n  ${violation.nodes.map((node) => `${node.target.join(" ")} ${node.failureSummary ?? ""}`).join("\n  ")}`)).toEqual([]);
}

let serial = 0;
/** A name that no other test uses. */
export const fresh = (word: string) => `${word}-${process.pid}-${(serial += 1)}`;

/** Replaces what an editor holds. */
export async function write(page: Page, label: string, text: string) {
  const editor = page.getByRole("textbox", { name: label, exact: true });
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(text);
}

/** A workflow with something of everything. */
export const ORDER = {
  QueryLanguage: "JSONata",
  StartAt: "Prepare",
  States: {
    Prepare: { Type: "Pass", Assign: { customer: "{% $states.input.customer %}" }, Output: { items: "{% $states.input.items %}" }, Next: "Pack each" },
    "Pack each": {
      Type: "Map",
      Items: "{% $states.input.items %}",
      ItemProcessor: {
        StartAt: "Weigh",
        States: { Weigh: { Type: "Pass", Next: "Rest" }, Rest: { Type: "Wait", Seconds: 1, Next: "Label" }, Label: { Type: "Pass", Output: "{% 'box ' & $string($states.input) %}", End: true } },
      },
      Next: "Tell",
    },
    Tell: {
      Type: "Parallel",
      Branches: [
        { StartAt: "Mail", States: { Mail: { Type: "Pass", End: true } } },
        { StartAt: "Bill", States: { Bill: { Type: "Choice", Choices: [{ Condition: "{% $customer = 'broke' %}", Next: "Refuse" }], Default: "Charge" }, Charge: { Type: "Pass", End: true }, Refuse: { Type: "Fail", Error: "CardDeclined", Cause: "The bank said no." } } },
      ],
      Catch: [{ ErrorEquals: ["CardDeclined"], Next: "Ask again" }],
      Next: "Done",
    },
    "Ask again": { Type: "Pass", Next: "Done" },
    Done: { Type: "Succeed" },
  },
};
