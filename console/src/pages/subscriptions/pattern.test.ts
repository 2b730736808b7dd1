import { describe, expect, it } from "vitest";
import { chosenTypes, eventTypes, inWords, readPattern, withTypes } from "./pattern";

describe("patterns of subscriptions", () => {
  it("are read, or it is said why not", () => {
    expect(readPattern("")).toEqual({ pattern: {}, problem: null });
    expect(readPattern('{"source": ["millrace"]}').pattern).toEqual({ source: ["millrace"] });
    expect(readPattern("[1]").problem).toMatch(/is an object/);
    expect(readPattern("{").problem).toMatch(/no JSON/);
  });

  it("keep what is not chosen from the list", () => {
    const pattern = { "detail-type": ["execution.failed", { prefix: "project." }], detail: { status: ["FAILED"] } };
    expect(chosenTypes(pattern)).toEqual(["execution.failed"]);
    expect(withTypes(pattern, ["function.deleted"])).toEqual({ "detail-type": ["function.deleted", { prefix: "project." }], detail: { status: ["FAILED"] } });
    expect(withTypes({ "detail-type": ["execution.failed"] }, [])).toEqual({});
    // What is wrong stays for the server to say so.
    expect(withTypes({ "detail-type": "x" }, ["execution.failed"])).toEqual({ "detail-type": "x" });
    expect(eventTypes()).toContain("schedule.run_missed");
  });

  it("are told in words where that is possible", () => {
    expect(inWords({})).toBe("Everything");
    expect(inWords({ "detail-type": ["execution.failed", { prefix: "project." }] })).toBe("execution.failed, project.…");
    expect(inWords({ detail: { a: [1] } })).toBe('{"detail":{"a":[1]}}');
  });
});
