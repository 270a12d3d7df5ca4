import { expect, test } from "vitest";
import { highlight } from "./editor";
import { languageNow, loadLanguage, parserNow } from "./languages";

const coloured = (code: string, language: string) => highlight(code, language).filter((piece) => piece.classes).map((piece) => piece.text);

test("Python is there at once, R when it was fetched, others stay plain", async () => {
  expect(coloured("def f(): pass", "python")).toContain("def");
  expect(coloured("x <- function(a) NULL # note", "r")).toEqual([]);
  await loadLanguage("r");
  expect(coloured("x <- function(a) NULL # note", "r")).toEqual(expect.arrayContaining(["function", "# note"]));
  for (const name of ["julia", "constructor", ""]) {
    await loadLanguage(name);
    expect(parserNow(name)).toBeNull();
    expect(languageNow(name)).toEqual([]);
    expect(highlight("def f(): pass", name)).toEqual([{ text: "def f(): pass", classes: "" }]);
  }
});
