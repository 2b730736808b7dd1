import { expect, test } from "vitest";
import { formOf, fromForm, inputSchema, toForm } from "./input";

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

test("a schema gives a form, and what a form can't show is JSON", () => {
  const schema = {
    type: "object",
    required: ["customer"],
    properties: {
      customer: { $ref: "#/$defs/name", title: "Customer" },
      size: { enum: ["small", 2] },
      count: { type: ["integer", "null"], default: 1 },
      lines: { type: "array", items: { type: "object", properties: { code: { type: "string" }, more: {} } } },
      marks: { type: "array", items: { type: "number" }, description: "Marks." },
      any: { oneOf: [{ type: "string" }, { type: "object" }] },
    },
    $defs: { name: { $ref: "#/$defs/text" }, text: { type: "string", maxLength: 40 } },
  };
  const form = formOf(schema);
  expect(form).toMatchObject({
    required: ["customer"],
    properties: {
      customer: { type: "string", title: "Customer", maxLength: 40 },
      size: { enum: ["small", 2] },
      count: { type: "integer", default: 1 },
      lines: { type: "array", items: { properties: { code: { type: "string" }, more: { loose: true } } } },
      marks: { loose: true, description: "Marks. A list, as JSON." },
      any: { loose: true },
    },
  });
  const input = { customer: "42", lines: [{ code: "1", more: [1] }], marks: [1], any: { a: "1" }, extra: true };
  if (form === null) throw new Error("no form");
  expect(toForm(form, input)).toMatchObject({ customer: "42", lines: [{ code: "1", more: "[1]" }], marks: "[1]", any: '{"a":"1"}' });
  expect(fromForm(form, toForm(form, input))).toEqual(input);
  for (const none of [{}, { type: "array" }, { type: "object" }, { $ref: "#" }, null]) expect(formOf(none)).toBeNull();
});
