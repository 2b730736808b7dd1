// The words of the Amazon States Language, for completion. What is valid is the server's to say.

export const STATE_TYPES = ["Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"] as const;

const EVERY = ["Type", "Comment", "QueryLanguage", "Assign"];
const FLOW = ["Next", "End"];
const PATHS = ["InputPath", "OutputPath", "Parameters", "ResultSelector", "ResultPath", "Arguments", "Output"];
const ERRORS = ["Retry", "Catch"];

export const FIELDS: Record<string, string[]> = {
  machine: ["StartAt", "States", "Comment", "QueryLanguage", "TimeoutSeconds", "Version"],
  processor: ["StartAt", "States", "ProcessorConfig"],
  Task: [...EVERY, ...FLOW, ...PATHS, ...ERRORS, "Resource", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath", "Credentials"],
  Pass: [...EVERY, ...FLOW, "InputPath", "OutputPath", "Parameters", "ResultPath", "Result", "Output"],
  Choice: [...EVERY, "Choices", "Default", "InputPath", "OutputPath", "Output"],
  Wait: [...EVERY, ...FLOW, "Seconds", "Timestamp", "SecondsPath", "TimestampPath", "InputPath", "OutputPath", "Output"],
  Succeed: [...EVERY, "InputPath", "OutputPath", "Output"],
  Fail: ["Type", "Comment", "QueryLanguage", "Error", "Cause", "ErrorPath", "CausePath"],
  Parallel: [...EVERY, ...FLOW, ...PATHS, ...ERRORS, "Branches"],
  Map: [
    ...EVERY, ...FLOW, ...PATHS, ...ERRORS, "ItemProcessor", "ItemsPath", "Items", "ItemSelector", "ItemReader", "ItemBatcher",
    "ResultWriter", "MaxConcurrency", "MaxConcurrencyPath", "ToleratedFailurePercentage", "ToleratedFailureCount", "Label",
  ],
  retrier: ["ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy"],
  catcher: ["ErrorEquals", "Next", "ResultPath", "Output", "Assign", "Comment"],
  choice: [
    "Condition", "Variable", "Next", "And", "Or", "Not", "Assign", "Output", "Comment", "StringEquals", "StringMatches",
    "StringLessThan", "StringGreaterThan", "NumericEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan",
    "NumericGreaterThanEquals", "BooleanEquals", "TimestampEquals", "TimestampLessThan", "TimestampGreaterThan", "IsNull",
    "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp",
  ],
};

export const VALUES: Record<string, string[]> = {
  Type: [...STATE_TYPES],
  QueryLanguage: ["JSONPath", "JSONata"],
  End: ["true"],
  JitterStrategy: ["FULL", "NONE"],
  Mode: ["INLINE", "DISTRIBUTED"],
  ExecutionType: ["STANDARD", "EXPRESS"],
  ErrorEquals: [
    "States.ALL", "States.Timeout", "States.TaskFailed", "States.Permissions", "States.HeartbeatTimeout", "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold", "States.ItemReaderFailed", "States.ResultWriterFailed", "States.QueryEvaluationError",
    "States.BranchFailed", "States.NoChoiceMatched", "States.IntrinsicFailure", "States.ParameterPathFailure", "States.ResultPathMatchFailure",
  ],
  Resource: [
    "arn:aws:states:::lambda:invoke", "arn:aws:states:::lambda:invoke.waitForTaskToken", "arn:aws:states:::sqs:sendMessage",
    "arn:aws:states:::sns:publish", "arn:aws:states:::events:putEvents", "arn:aws:states:::http:invoke",
    "arn:aws:states:::states:startExecution", "arn:aws:states:::states:startExecution.sync:2", "arn:aws:states:::dynamodb:getItem",
    "arn:aws:states:::dynamodb:putItem", "arn:aws:states:::dynamodb:updateItem", "arn:aws:states:::dynamodb:deleteItem",
  ],
};

/** Which object a path from the definition's root leads into, and the names of the states that it may lead to. */
export function contextAt(definition: unknown, path: readonly string[]): { fields: string[]; states: string[] } {
  const at = (value: unknown, key: string): unknown =>
    typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  const names = (machine: unknown): string[] => {
    const states = at(machine, "States");
    return typeof states === "object" && states !== null ? Object.keys(states) : [];
  };
  let value = definition;
  let kind = "machine";
  let states = names(definition);
  const type = (state: unknown) => {
    const name = at(state, "Type");
    return typeof name === "string" && name in FIELDS ? name : "state";
  };
  for (let index = 0; index < path.length; index += 1) {
    const part = path[index] ?? "";
    const parent = kind;
    value = at(value, part);
    if ((parent === "machine" || parent === "processor") && part === "States") kind = "states";
    else if (parent === "states") kind = type(value);
    else if (part === "ItemProcessor" || part === "Iterator") {
      kind = "processor";
      states = names(value);
    } else if (part === "Branches") kind = "branches";
    else if (parent === "branches") {
      kind = "machine";
      states = names(value);
    } else if (part === "Retry") kind = "retriers";
    else if (part === "Catch") kind = "catchers";
    else if (part === "Choices" || part === "And" || part === "Or") kind = "choices";
    else if (part === "Not") kind = "choice";
    else if (parent === "retriers") kind = "retrier";
    else if (parent === "catchers") kind = "catcher";
    else if (parent === "choices") kind = "choice";
    else kind = "value";
  }
  const fields = kind === "state" ? [...new Set(Object.values(FIELDS).flat())] : (FIELDS[kind] ?? []);
  return { fields, states };
}
