import { describe, expect, it } from "vitest";
import { parseText } from "./place";
import { contextAt } from "./vocabulary";

const YAML = `StartAt: A
States:
  A:
    Type: Passe
    Next: B
  B:
    Type: Choice
    Choices:
      - Variable: $.x
        Next: Gone
`;

describe("places in a definition", () => {
  const mark = (source: string, pointer: string | null) => {
    const { from, to } = parseText(source).range(pointer);
    return source.slice(from, to);
  };

  it("marks the value that a pointer names", () => {
    expect(mark(YAML, "/States/A/Type")).toBe("Passe");
    expect(mark(YAML, "/States/B/Choices/0/Next")).toBe("Gone");
    expect(mark(YAML, "/States/B/Choices/0")).toBe("Variable: $.x");
    expect(mark(JSON.stringify({ StartAt: "A", States: { "a/b": { Type: "X" } } }, null, 2), "/States/a~1b/Type")).toBe('"X"');
  });

  it("marks the nearest thing that is there", () => {
    expect(mark(YAML, "/States/B/Default")).toBe("B");
    expect(mark(YAML, null)).toBe("StartAt: A");
    expect(mark("", "/StartAt")).toBe("");
  });

  it("tells what is no YAML", () => {
    const broken = parseText("StartAt: [");
    expect(broken.value).toBeUndefined();
    expect(broken.errors[0]?.message).toContain("sequence");
  });

  it("reads anchors and merges", () => {
    expect(parseText("a: &x {k: 1}\nb: {<<: *x}").value).toEqual({ a: { k: 1 }, b: { k: 1 } });
  });

  it("finds the object round a position", () => {
    const at = (text: string) => parseText(YAML).pointerAt(YAML.indexOf(text) + text.length);
    expect(at("Type: Passe")).toEqual(["States", "A"]);
    expect(at("Next: Gone")).toEqual(["States", "B", "Choices", "0"]);
    expect(at("StartAt: A")).toEqual([]);
  });
});

describe("completion", () => {
  const { value } = parseText(YAML);
  it("offers the fields of what stands there", () => {
    expect(contextAt(value, []).fields).toContain("StartAt");
    expect(contextAt(value, ["States", "B"]).fields).toContain("Choices");
    expect(contextAt(value, ["States", "B"]).fields).not.toContain("Resource");
    expect(contextAt(value, ["States", "B", "Choices", "0"]).fields).toContain("Condition");
    expect(contextAt(value, ["States", "A", "Retry", "0"]).fields).toContain("BackoffRate");
    expect(contextAt(value, ["States", "A", "Parameters", "x"]).fields).toEqual([]);
  });

  it("offers the states of the machine that it is in", () => {
    const nested = { States: { M: { Type: "Map", ItemProcessor: { States: { In: { Type: "Pass" } } } } } };
    expect(contextAt(nested, ["States", "M"]).states).toEqual(["M"]);
    expect(contextAt(nested, ["States", "M", "ItemProcessor", "States", "In"]).states).toEqual(["In"]);
  });
});
