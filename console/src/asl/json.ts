/** Why a text is no JSON; empty where it is. */
export function whyNotJson(text: string): string {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : "This is no JSON.";
  }
}
