import { expect, test } from "vitest";
import { needsSandbox, sandboxTheme } from "./choose";

test("HTML with looks of its own stands on white paper, whatever the page's theme; charts follow it", () => {
  expect([sandboxTheme("html", "light"), sandboxTheme("html", "dark")]).toEqual(["light", "light"]);
  expect([sandboxTheme("plotly", "light"), sandboxTheme("plotly", "dark")]).toEqual(["light", "dark"]);
});

test("a plain table needs no sandbox, one with a style sheet does", () => {
  expect(needsSandbox('<div><style scoped>.dataframe {}</style><table class="dataframe"></table></div>')).toBe(false);
  expect(needsSandbox('<style type="text/css">#T_1 { color: black }</style><table id="T_1"></table>')).toBe(true);
});
