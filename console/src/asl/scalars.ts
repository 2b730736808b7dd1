// Plain scalars as the server reads them: YAML 1.2's core schema with YAML 1.1's booleans in any case, binary numbers and
// underscores. What is written is quoted by the same rules.

import { Scalar, type DocumentOptions, type ParseOptions, type ScalarTag, type SchemaOptions, type Tags } from "yaml";

const PREFIX = "tag:yaml.org,2002:";

const bool = (value: boolean, test: RegExp): ScalarTag => ({
  identify: (found) => found === value,
  default: true,
  tag: `${PREFIX}bool`,
  test,
  resolve: () => new Scalar(value),
  stringify: () => String(value),
});

const BASES: Record<string, number> = { x: 16, o: 8, b: 2 };

function whole(text: string): number {
  const plain = text.replaceAll("_", "");
  const sign = plain.startsWith("-") ? -1 : 1;
  const digits = plain.replace(/^[-+]/, "");
  const base = BASES[digits[1] ?? ""];
  return sign * (base === undefined ? Number(digits) : parseInt(digits.slice(2), base));
}

const TAGS: ScalarTag[] = [
  { identify: (value) => value === null, default: true, tag: `${PREFIX}null`, test: /^(?:~|null)?$/i, resolve: () => new Scalar(null), stringify: () => "null" },
  bool(true, /^(?:y|yes|on|true)$/i),
  bool(false, /^(?:n|no|off|false)$/i),
  {
    identify: () => false,
    default: true,
    tag: `${PREFIX}int`,
    test: /^[-+]?(?:0x[\da-f]+(?:_[\da-f]+)*|0o[0-7]+(?:_[0-7]+)*|0b[01]+(?:_[01]+)*|[1-9]\d*(?:_\d+)+)$/i,
    resolve: whole,
  },
];

/** With what definitions are read and written. */
export const YAML: ParseOptions & DocumentOptions & SchemaOptions = {
  merge: true,
  customTags: (tags: Tags) => [...TAGS, ...tags],
};
