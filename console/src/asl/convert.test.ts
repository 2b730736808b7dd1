import { describe, expect, it } from "vitest";
import { hasComments, toJson, toYaml } from "./convert";
import { parseText } from "./place";

const YAML = `# Packs what was ordered.
StartAt: A

States:
  # First things first.
  A:
    Type: Pass # nothing to do
    Next: B
  B:
    Type: Choice
    Choices:
      # Small ones
      - Condition: "{% $states.input < 10 %}"
        Next: C
      # Big ones
      - Condition: "{% $states.input > 90 %}"
        Next: C
    Default: C
  C: { Type: Succeed }
`;

interface Definition {
  States: Record<string, Record<string, unknown>>;
}
const read = (text: string) => parseText(text).value as Definition;

describe("from YAML to JSON and back", () => {
  it("is the same text when nothing was changed", () => {
    const json = toJson(read(YAML));
    expect(json).not.toContain("#");
    expect(toYaml(read(json), YAML)).toBe(YAML);
  });

  it("keeps the comments of what was not changed", () => {
    const value = read(toJson(read(YAML)));
    value.States.A = { Type: "Wait", Seconds: 2, Next: "B" };
    const text = toYaml(value, YAML);
    for (const comment of ["# Packs what was ordered.", "# First things first.", "# nothing to do", "# Small ones", "# Big ones"]) expect(text).toContain(comment);
    expect(text).toContain("Type: Wait # nothing to do");
    expect(read(text)).toEqual(value);
  });

  it("keeps the comments of a list's items when one before them goes", () => {
    const value = read(YAML);
    (value.States.B?.Choices as unknown[]).shift();
    const text = toYaml(value, YAML);
    expect(read(text)).toEqual(value);
    expect(text).toContain("# Big ones");
  });

  it("has the order of the JSON", () => {
    const { A, B, C } = read(YAML).States;
    const value = { StartAt: "A", States: { C, B, A } };
    const text = toYaml(value, YAML);
    expect(JSON.stringify(read(text))).toBe(JSON.stringify(value));
    expect(text).toContain("# First things first.");
  });

  it("says what the JSON says, also where places share a node", () => {
    const shared = "A: &one\n  x: 1 # a comment\nB: *one\nC:\n  <<: *one\n  y: 2\n";
    const value = parseText(shared).value as Record<string, Record<string, number>>;
    expect(toYaml(value, shared)).toBe(shared);
    const other = { ...value, A: { x: 5 } };
    expect(parseText(toYaml(other, shared)).value).toEqual(other);
    const merged = { ...value, C: { x: 1, y: 3 } };
    expect(parseText(toYaml(merged, shared)).value).toEqual(merged);
  });

  it("begins anew where there was no YAML, or none that can be read", () => {
    expect(toYaml({ a: 1 }, null)).toBe("a: 1\n");
    expect(toYaml({ a: 1 }, "a: [")).toBe("a: 1\n");
  });

  it("knows a comment from a text", () => {
    expect(hasComments(YAML)).toBe(true);
    expect(hasComments("a: 'is # none'\nb: x#y\nc: |\n  # neither\n")).toBe(false);
  });

  it("reads what the server reads, and writes what it reads so", () => {
    const read = (text: string): unknown => (parseText(`a: ${text}`).value as { a: unknown }).a;
    for (const [text, value] of [
      ["no", false], ["On", true], ["nO", false], ["y", true], ["NULL", null], ["1_000", 1_000], ["-1_0", -10], ["0b1_1", 3], ["-0x1F", -31], ["0o17", 15],
      ["0777", 777], ["1:30", "1:30"], ["2001-01-01", "2001-01-01"], ["0_7", "0_7"], ["1_000.5", "1_000.5"], ["'no'", "no"], ["1__0", "1__0"],
    ] as const) {
      expect(read(text), text).toBe(value);
      expect(parseText(toYaml({ a: value }, null)).value, text).toEqual({ a: value });
    }
    expect(toYaml({ a: "no", b: "1_000" }, null)).toBe('a: "no"\nb: "1_000"\n');
    expect(toYaml({ a: "other" }, "a: no # why\n")).toBe("a: other # why\n");
    // Names are texts.
    expect(parseText("no: 1\n0x1F: 2\nyes: {y: 3}").value).toEqual({ no: 1, "0x1F": 2, yes: { y: 3 } });
  });

  it("tells one fault of a text that is no JSON", () => {
    const { errors } = parseText('{"StartAt": "A", "States": {"A": {"Type: "Parallel",\n"End": true}}}');
    expect(errors).toHaveLength(1);
    expect(errors[0]?.message).toMatch(/^This is not JSON: /);
    expect(errors[0]?.message).not.toMatch(/position|line/);
    expect(errors[0]?.from).toBeGreaterThan(35);
    expect(parseText("{a: 1, b: [x, y]}").errors).toEqual([]);
    expect(parseText("a: 1\na: 2\n").errors[0]?.message).toBe("Map keys must be unique");
  });
});
