// Where the events of a subscription go.

import type { Schemas } from "../../api/client";

export type Subscription = Schemas["Subscription"];
export type Kind = "https" | "sns" | "eventbridge";

/** Each kind, with the member that names the target and what to say of it. */
export const KINDS: Record<Kind, { label: string; member: "url" | "topic_arn" | "event_bus_arn"; address: string; example: string; help: string }> = {
  https: { label: "HTTPS endpoint", member: "url", address: "Address", example: "https://example.com/hooks/millrace", help: "Events come as POST, signed with a secret that you see once." },
  sns: { label: "SNS topic", member: "topic_arn", address: "ARN of the topic", example: "arn:aws:sns:eu-west-1:123456789012:millrace", help: "On AWS the parameter IntegrationTopics names the topics that may be used." },
  eventbridge: { label: "EventBridge bus", member: "event_bus_arn", address: "ARN of the bus", example: "arn:aws:events:eu-west-1:123456789012:event-bus/default", help: "On AWS the parameter IntegrationEventBuses names the buses that may be used." },
};

/** The kind of a target; another than those is shown as an endpoint. */
export const kindOf = (target: Subscription["target"]): Kind => (target.type in KINDS ? (target.type as Kind) : "https");

/** What a target is called. */
export const addressOf = (target: Subscription["target"]): string => target[KINDS[kindOf(target)].member] ?? "";
