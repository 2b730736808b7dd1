/** What happens when a turn comes while the execution before it still runs. */
export const OVERLAP = [
  { value: "skip", label: "Leave it out", description: "while the one before still runs" },
  { value: "queue", label: "Have it wait", description: "for the end of the one before" },
  { value: "allow", label: "Run both" },
];

/** What happens to turns that could not come in time. */
export const CATCH_UP = [
  { value: "none", label: "Leave them out" },
  { value: "last", label: "Make up for the last one" },
  { value: "all", label: "Make up for each" },
];
