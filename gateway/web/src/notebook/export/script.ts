// A notebook as a Python script in the percent format (https://jupytext.readthedocs.io/en/latest/formats-scripts.html), which
// editors show as cells. What only IPython understands becomes comments, so that the file is Python.

/** Cell magics whose cells are Python all the same. */
const PYTHON_MAGIC = /^%%(time|timeit|capture|prun)\b/;
/** `%magic`, `!command`, `name = !command`, `name?`, `?name`. */
const MAGIC = /^\s*(?:[%!?]|[\w.,[\] ]+=\s*(?:!|%\s*[A-Za-z])|[\w.*]+\?{1,2}\s*$)/;
/** What matters of a line outside of long texts, to know whether the next one stands inside of one, or of brackets. */
const TOKEN = /"""|'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|#.*|[([{]|[)\]}]|\\$/g;
/** What is left of a long text. */
const REST: Record<string, RegExp> = { '"""': /(?:\\.|[^\\])*?"""/y, "'''": /(?:\\.|[^\\])*?'''/y };

export function scriptOf(cells: readonly { code: string }[]): string {
  return cells.map(({ code }) => `# %%\n${pythonOf(code.replaceAll("\r\n", "\n").trimEnd())}\n`).join("\n");
}

function pythonOf(code: string): string {
  const lines = code.split("\n");
  const first = lines.findIndex((line) => line.trim() !== "");
  const isCellMagic = lines[first]?.startsWith("%%") ?? false;
  if (isCellMagic && !PYTHON_MAGIC.test(lines[first] ?? "")) return lines.map(commented).join("\n");
  const inside = new Inside();
  let goesOn = false;
  const read = (line: string, at: number) => {
    const wentOn = goesOn;
    goesOn = false;
    if (!wentOn && (inside.something || !MAGIC.test(line))) {
      inside.read(line);
      return line;
    }
    goesOn = line.endsWith("\\");
    return wentOn || at === first ? commented(line) : inBlock(line);
  };
  return lines.map(read).join("\n");
}

function commented(line: string): string {
  return `# ${line}`.trimEnd();
}

/** A block that has nothing else in it is Python still. */
function inBlock(line: string): string {
  const indent = /^\s*/.exec(line)?.[0] ?? "";
  return indent === "" ? commented(line) : `${indent}pass  # ${line.slice(indent.length)}`;
}

/** Whether a line goes on with what was begun in one before. */
class Inside {
  private quote = "";
  private depth = 0;
  private continued = false;

  get something(): boolean {
    return this.quote !== "" || this.depth > 0 || this.continued;
  }

  read(line: string): void {
    this.continued = false;
    for (let at = 0; at < line.length; ) {
      const pattern = REST[this.quote] ?? TOKEN;
      pattern.lastIndex = at;
      const token = pattern.exec(line)?.[0];
      if (token === undefined) return;
      at = pattern.lastIndex;
      if (this.quote !== "") this.quote = "";
      else if (REST[token]) this.quote = token;
      else if (/^[([{]$/.test(token)) this.depth++;
      else if (/^[)\]}]$/.test(token)) this.depth = Math.max(0, this.depth - 1);
      else if (token === "\\") this.continued = true;
    }
  }
}
