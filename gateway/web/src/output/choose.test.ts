import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { MimeBundleSchema } from "../gen/fenxi/analysis/v1/output_pb";
import { choose, needsSandbox, sandboxTheme } from "./choose";

test("HTML with looks of its own stands on white paper, whatever the page's theme; charts follow it", () => {
  expect([sandboxTheme("html", "light"), sandboxTheme("html", "dark")]).toEqual(["light", "light"]);
  expect([sandboxTheme("plotly", "light"), sandboxTheme("plotly", "dark")]).toEqual(["light", "dark"]);
});

test("a plain table needs no sandbox, one with a style sheet does", () => {
  expect(needsSandbox('<div><style scoped>.dataframe {}</style><table class="dataframe"></table></div>')).toBe(false);
  expect(needsSandbox('<style type="text/css">#T_1 { color: black }</style><table id="T_1"></table>')).toBe(true);
  // What a cleaned table would lose without a word.
  for (const html of ["<button>go</button>", "<p>x <select><option>1</option></select></p>", "<a href='#' onclick='go()'>go</a>"]) expect(needsSandbox(html)).toBe(true);
  expect(needsSandbox("<table><tr><td>on x = 1, 2 > 1 onto = 2</td></tr></table>")).toBe(false);
});

test("a formula is shown rather than its picture, and a table rather than its LaTeX", () => {
  const chosen = (...types: [string, string][]) =>
    choose(create(MimeBundleSchema, { parts: types.map(([mimeType, value]) => ({ mimeType, content: { case: "text" as const, value } })) }))?.view;
  const formula: [string, string] = ["text/latex", "$\\displaystyle x^{2}$"];
  const table: [string, string] = ["text/latex", "\\begin{tabular}{l} a \\end{tabular}"];
  expect(chosen(["text/plain", "x**2"], ["image/png", ""], formula)).toBe("latex");
  expect(chosen(["text/plain", "x**2"], ["image/svg+xml", ""], formula)).toBe("latex");
  expect(chosen(["text/plain", "a"], formula, ["text/html", "<table></table>"])).toBe("html");
  expect(chosen(["image/png", ""], table)).toBe("image");
  expect(chosen(["text/plain", "a"], table)).toBe("latex");
  const large = { case: "reference" as const, value: { sha256: "s", sizeBytes: 1n, head: "$\\displaystyle x" } };
  expect(choose(create(MimeBundleSchema, { parts: [{ mimeType: "image/png" }, { mimeType: "text/latex", content: large }] }))?.view).toBe("latex");
});
