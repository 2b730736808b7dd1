// A form from a JSON schema: the subset that project templates use for their parameters, and the input of workflows.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";

export interface Schema {
  type: "string" | "integer" | "number" | "boolean" | "object" | "array";
  title?: string;
  description?: string;
  default?: unknown;
  examples?: unknown[];
  enum?: unknown[];
  maxLength?: number;
  maxItems?: number;
  minItems?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  /** A field for any value: what is written in it may be JSON. */
  loose?: boolean;
}

export interface SchemaFormProps {
  schema: Schema;
  value: unknown;
  onChange: (value: unknown) => void;
  /** JSON pointer of the value in what is sent. */
  path: string;
  /** Messages by JSON pointer. */
  errors: Map<string, string>;
}

type Values = Record<string, unknown>;
const asObject = (value: unknown): Values => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Values) : {});
const LONG = 120;

/** A template's parameters as a schema; the server's description calls them any object. */
export const asSchema = (parameters: Record<string, unknown>): Schema => ({ type: "object", ...parameters });

/** What a form begins with: the defaults. */
export function initial(schema: Schema): unknown {
  if (schema.default !== undefined) return structuredClone(schema.default);
  if (schema.type !== "object") return schema.type === "array" ? [] : undefined;
  const values: Values = {};
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const value = initial(property);
    if (value !== undefined && (property.type !== "array" || property.default !== undefined)) values[name] = value;
  }
  return values;
}

/** The fields of an object. */
export function SchemaForm({ schema, value, onChange, path, errors }: SchemaFormProps) {
  const values = asObject(value);
  const set = (name: string, next: unknown) => {
    const changed = Object.entries({ ...values, [name]: next });
    onChange(Object.fromEntries(changed.filter(([, one]) => one !== undefined)));
  };
  return (
    <SpaceBetween size="m">
      {Object.entries(schema.properties ?? {}).map(([name, property]) => (
        <Field
          key={name}
          name={name}
          required={schema.required?.includes(name) ?? false}
          schema={property}
          value={values[name]}
          path={`${path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`}
          errors={errors}
          onChange={(next) => {
            set(name, next);
          }}
        />
      ))}
    </SpaceBetween>
  );
}

function Field(props: SchemaFormProps & { name: string; required: boolean }) {
  const { schema, value, path, errors, name, required, onChange } = props;
  const label = schema.title ?? name;
  const error = errors.get(path);
  if (schema.type === "array") return <Items {...props} label={label} error={error} />;
  if (schema.type === "object") {
    return (
      <ExpandableSection headerText={label} defaultExpanded>
        <SchemaForm {...props} />
      </ExpandableSection>
    );
  }
  if (schema.type === "boolean") {
    return (
      <FormField errorText={error}>
        <Checkbox checked={value === true} description={schema.description} onChange={({ detail }) => { onChange(detail.checked); }}>
          {label}
        </Checkbox>
      </FormField>
    );
  }
  const [example] = schema.examples ?? [];
  return (
    <FormField
      label={required ? label : <span>{label} <i>- optional</i></span>}
      description={schema.description}
      constraintText={example === undefined ? undefined : `For example ${String(example)}`}
      errorText={error}
      stretch={(schema.maxLength ?? 0) > LONG}
    >
      <Single {...props} />
    </FormField>
  );
}

function Single({ schema, value, onChange }: SchemaFormProps) {
  if (schema.enum !== undefined) {
    const options = schema.enum.map((choice) => ({ value: JSON.stringify(choice), label: String(choice) }));
    return (
      <Select
        selectedOption={options.find((option) => option.value === JSON.stringify(value)) ?? null}
        options={options}
        placeholder="Choose one"
        onChange={({ detail }) => {
          onChange(JSON.parse(detail.selectedOption.value ?? "null"));
        }}
      />
    );
  }
  const text = value === undefined || value === null ? "" : String(value);
  if (schema.type === "integer" || schema.type === "number") {
    return (
      <Input
        type="number"
        value={text}
        onChange={({ detail }) => {
          onChange(detail.value === "" ? undefined : Number(detail.value));
        }}
      />
    );
  }
  const change = (next: string) => {
    onChange(next === "" ? undefined : next);
  };
  if ((schema.maxLength ?? 0) > LONG) {
    return <Textarea rows={3} value={text} onChange={({ detail }) => { change(detail.value); }} />;
  }
  return <Input value={text} onChange={({ detail }) => { change(detail.value); }} />;
}

function Items({ schema, value, onChange, path, errors, label, error }: SchemaFormProps & { label: string; error: string | undefined }) {
  const items: unknown[] = Array.isArray(value) ? value : [];
  const item = schema.items ?? { type: "string" as const };
  const simple = item.type !== "object";
  const replace = (index: number, next: unknown) => {
    onChange(items.map((old, at) => (at === index ? next : old)));
  };
  const remove = (index: number) => {
    const rest = items.filter((_, at) => at !== index);
    onChange(rest.length === 0 && (schema.minItems ?? 0) === 0 ? undefined : rest);
  };
  const add = (
    <Button formAction="none" iconName="add-plus" disabled={items.length >= (schema.maxItems ?? Infinity)} onClick={() => { onChange([...items, simple ? "" : initial(item)]); }}>
      Add to {label.toLowerCase()}
    </Button>
  );
  return (
    <FormField label={label} description={schema.description} errorText={error} stretch>
      <SpaceBetween size="xs">
        {items.length === 0 && <Box color="text-body-secondary">None yet.</Box>}
        {items.map((one, index) => {
          const title = nameOf(one) ?? `${label} ${index + 1}`;
          const removal = <Button formAction="none" variant="icon" iconName="remove" ariaLabel={`Remove ${title}`} onClick={() => { remove(index); }} />;
          const wrong = [...errors.keys()].some((at) => at.startsWith(`${path}/${index}`));
          return simple ? (
            <FormField key={index} errorText={errors.get(`${path}/${index}`)} secondaryControl={removal} stretch>
              <Input ariaLabel={title} value={typeof one === "string" ? one : JSON.stringify(one)} onChange={({ detail }) => { replace(index, detail.value); }} />
            </FormField>
          ) : (
            <ExpandableSection
              key={`${index} ${wrong}`}
              variant="stacked"
              headingTagOverride="h4"
              headerText={title}
              headerDescription={summary(one)}
              headerActions={removal}
              defaultExpanded={wrong || nameOf(one) === null}
            >
              <SchemaForm schema={item} value={one} path={`${path}/${index}`} errors={errors} onChange={(next) => { replace(index, next); }} />
            </ExpandableSection>
          );
        })}
        {add}
      </SpaceBetween>
    </FormField>
  );
}

function nameOf(value: unknown): string | null {
  const name = asObject(value).name;
  return typeof name === "string" && name !== "" ? name : null;
}

function summary(value: unknown): string {
  return Object.entries(asObject(value))
    .filter(([key]) => key !== "name")
    .map(([key, one]) => (Array.isArray(one) ? `${one.length} ${key}` : typeof one === "boolean" ? (one ? key : "") : key === "type" ? String(one) : ""))
    .filter((part) => part !== "")
    .join(", ");
}
