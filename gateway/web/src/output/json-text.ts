// JSON as a person reads it: one value a line. The text itself is laid out, not what a parser makes of it: that would change
// numbers that no double holds, and the order of names.

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const INDENT = "  ";

/** The same JSON, indented; what is no JSON as it is. */
export function indented(json: string): string {
  try {
    JSON.parse(json);
  } catch {
    return json;
  }
  const pieces: string[] = [];
  let depth = 0;
  let former = "";
  for (const [token] of json.matchAll(TOKEN)) {
    const opened = former === "{" || former === "[";
    const closes = token === "}" || token === "]";
    if (closes) depth--;
    if (opened !== closes || former === ",") pieces.push(`\n${INDENT.repeat(depth)}`);
    pieces.push(token === ":" ? ": " : token);
    if (token === "{" || token === "[") depth++;
    former = token;
  }
  return pieces.join("");
}
