import { describe, expect, it } from "vitest";
import { katex, OPTIONS } from "./katex";
import { htmlOf } from "./markdown";
import { mathsInMarkdown, partsOf } from "./maths";

const formulas = (latex: string) => partsOf(latex).flatMap((part) => (typeof part === "string" ? [] : [[part.source, part.display]]));

describe("formulas in LaTeX", () => {
  it("are found by their marks, and what stands between them is kept", () => {
    expect(partsOf("So $x_1$ is \\$5, and\n$$y\n= 2$$ \\\\ end \\(z\\)").map((part) => (typeof part === "string" ? part : [part.source, part.display]))).toEqual(
      ["So ", ["x_1", false], " is \\$5, and\n", ["y\n= 2", true], " \\\\ end ", ["z", false]],
    );
    expect(formulas("\\begin{align*} a &= 1 \\\\ b &= \\$2 \\end{align*} and \\[c\\]")).toEqual([["\\begin{align*} a &= 1 \\\\ b &= \\$2 \\end{align*}", true], ["c", true]]);
  });

  it("are not found in tables, prices and what is not closed", () => {
    for (const text of ["\\begin{tabular}{lr} a & 1 \\\\ \\end{tabular}", "from $5 to $6", "$ x$", "$x $", "$$", "a $x\n\ny$", "\\(x", "\\begin{align} x", ""]) {
      expect(formulas(text), text).toEqual([]);
      expect(partsOf(text).join(""), text).toBe(text);
    }
    for (const times of [3_000, 10_000]) expect(partsOf("\\begin{align}".repeat(times)).length).toBe(1);
  });

  it("are not looked for in a text that is far longer than formulas are", () => {
    const long = `${"\\[".repeat(500_000)} $x$`;
    expect(partsOf(long)).toEqual([long]);
    expect(partsOf(`${"a".repeat(40_000)} $x$`)).toHaveLength(2);
  });

  it("as sympy and IPython write them can be drawn", () => {
    for (const latex of [
      "$\\displaystyle \\int\\limits_{0}^{\\infty} e^{- x^{2}}\\, dx$", "$\\displaystyle \\left[\\begin{matrix}1 & x\\\\\\frac{1}{2} & \\sqrt{y}\\end{matrix}\\right]$",
      "$\\displaystyle \\begin{cases} 1 & \\text{for}\\: x > 0 \\\\0 & \\text{otherwise} \\end{cases}$", "$\\displaystyle \\sum_{n=1}^{\\infty} \\frac{1}{n^{2}} = \\frac{\\pi^{2}}{6}$", "\\begin{equation}\nE = mc^2 \\text{（能量）}\n\\end{equation}",
    ]) {
      const [part] = partsOf(latex);
      if (typeof part !== "object") throw new Error(latex);
      const html = katex.renderToString(part.source, { ...OPTIONS, displayMode: part.display });
      expect(html).toContain("<math");
    }
  });

  it("may bring nothing else into the page", () => {
    for (const source of ["\\href{javascript:alert(1)}{x}", "\\includegraphics{x}", "\\htmlClass{cell}{x}"]) {
      const html = katex.renderToString(source, { ...OPTIONS, throwOnError: false });
      expect(html).not.toMatch(/href=|<img|class="[^"]*\bcell\b/);
    }
    expect(() => katex.renderToString("\\def\\x{\\x\\x}\\x", OPTIONS)).toThrow();
  });
});

describe("formulas in Markdown", () => {
  it("are held as they are written, and nothing in them is Markdown", () => {
    expect(htmlOf("a $x_1 * y_2 < z_3 * w$ b")).toBe('<p>a <span class="maths">$x_1 * y_2 &lt; z_3 * w$</span> b</p>\n');
    expect(htmlOf("text\n\n$$\na\n= b \\\\\n- c\n$$\n\n# Head")).toBe('<p>text</p>\n<div class="maths">$$\na\n= b \\\\\n- c\n$$</div>\n<h1>Head</h1>\n');
    expect(htmlOf("\\begin{align}\na &= b\n\\end{align}")).toBe('<div class="maths">\\begin{align}\na &amp;= b\n\\end{align}</div>\n');
    expect(htmlOf("- so $$x$$ is")).toContain('<span class="maths">$$x$$</span> is');
  });

  it("are not found in code, in prices and behind a backslash", () => {
    for (const text of ["`$x$` [a](b)", "from $5 to $6", "价格$5和$6", "\\$x$ y", "```\n$$x$$\n```", "    $$x$$"]) expect(htmlOf(text), text).not.toContain("maths");
    expect(mathsInMarkdown("\\[x\\]")).toBeNull();
  });
});
