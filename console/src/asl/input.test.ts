import { expect, test } from "vitest";
import { fromForm, inputSchema, toForm } from "./input";

const names = (definition: object) => {
  const told = (schema: ReturnType<typeof inputSchema>): unknown =>
    schema?.type === "object" ? Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, one]) => [name, told(one)])) : schema?.description === undefined ? schema?.type : "any";
  const schema = inputSchema(definition);
  return schema === null ? null : told(schema);
};

test("JSONPath references of the states that get the input", () => {
  const definition = {
    StartAt: "Check",
    States: {
      Check: {
        Type: "Choice",
        Choices: [{ Variable: "$.order.total", NumericGreaterThan: 100, Next: "Ask" }, { And: [{ Variable: "$.gift", BooleanEquals: true }, { Variable: "$$.Execution.Input.shop", StringEquals: "x" }], Next: "Ask" }],
        Default: "Ask",
      },
      Ask: { Type: "Task", Resource: "arn:aws:states:::lambda:invoke", Parameters: { "id.$": "$.order['id']", "note.$": "States.Format('{} {}', $.note, $$.Execution.Id)", fixed: "$.not" }, Next: "After" },
      After: { Type: "Pass", Parameters: { "x.$": "$.Payload.answer" }, Next: "Each" },
      Each: { Type: "Map", ItemsPath: "$.items", ItemProcessor: { StartAt: "A", States: { A: { Type: "Pass", Parameters: { "y.$": "$.ofItem", "z.$": "$$.Execution.Input.region" }, End: true } } }, End: true },
    },
  };
  const found = names(definition);
  expect(found).toMatchObject({ order: { total: "number", id: "any" }, gift: "boolean", shop: "string", note: "any", region: "any" });
  expect(found).not.toHaveProperty("Payload");
  expect(found).not.toHaveProperty("items");
  expect(found).not.toHaveProperty("ofItem");
  expect(found).not.toHaveProperty("Execution");
});

test("JSONata references, also in branches", () => {
  const definition = {
    QueryLanguage: "JSONata",
    StartAt: "Prepare",
    States: {
      Prepare: { Type: "Pass", Assign: { customer: "{% $states.input.customer %}" }, Next: "Both" },
      Both: {
        Type: "Parallel",
        Branches: [{ StartAt: "B", States: { B: { Type: "Wait", Seconds: "{% $states.input.pause %}", End: true } } }],
        Output: "{% $states.result[0].x %}",
        Next: "Last",
      },
      Last: { Type: "Map", Items: "{% $states.context.Execution.Input.items %}", Output: "{% $states.input.late %}", ItemProcessor: { StartAt: "C", States: { C: { Type: "Succeed" } } }, End: true },
    },
  };
  expect(names(definition)).toEqual({ customer: "any", pause: "number", items: "any" });
});

test("no form where nothing is referred to", () => {
  expect(inputSchema({ StartAt: "A", States: { A: { Type: "Succeed" } } })).toBeNull();
  expect(inputSchema(null)).toBeNull();
  expect(names({ StartAt: "A", States: { A: { Type: "Pass", InputPath: "$.order", Next: "B" }, B: { Type: "Pass", InputPath: "$.gone", End: true } } })).toEqual({ order: "any" });
});

test("what is written in a field for anything is JSON where it can be", () => {
  const schema = inputSchema({ QueryLanguage: "JSONata", StartAt: "A", States: { A: { Type: "Pass", Output: "{% [$states.input.a, $states.input.b.c] %}", End: true } } });
  if (schema === null) throw new Error("there are fields");
  expect(fromForm(schema, { a: "[1, 2]", b: { c: "plain text" }, more: "1" })).toEqual({ a: [1, 2], b: { c: "plain text" }, more: "1" });
  for (const value of [{ a: "42" }, { a: 42 }, { a: "x", b: { c: null } }, { a: { deep: true }, more: [] }, {}]) expect(fromForm(schema, toForm(schema, value))).toEqual(value);
});
