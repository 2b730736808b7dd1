type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** Every state of a definition by its name, each with the query language that holds for it. */
export function testedStates(definition: unknown): Map<string, Json> {
  const found = new Map<string, Json>();
  const visit = (machine: unknown, language: unknown) => {
    if (!isObject(machine) || !isObject(machine.States)) return;
    const own = machine.QueryLanguage ?? language;
    for (const [name, state] of Object.entries(machine.States)) {
      if (!isObject(state)) continue;
      found.set(name, own === undefined || state.QueryLanguage !== undefined ? state : { ...state, QueryLanguage: own });
      for (const branch of Array.isArray(state.Branches) ? state.Branches : []) visit(branch, own);
      visit(state.ItemProcessor ?? state.Iterator, own);
    }
  };
  visit(definition, undefined);
  return found;
}
