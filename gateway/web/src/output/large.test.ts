import { expect, test } from "vitest";
import { blocksOf, fileNameOf, unaskedMaxBytes } from "./large";

test("text of some megabytes waits for a click, a picture does not", () => {
  const size = 8_000_000;
  expect((["json", "html", "markdown", "latex", "text"] as const).filter((view) => unaskedMaxBytes(view) >= size)).toEqual([]);
  expect((["image", "svg", "plotly"] as const).filter((view) => unaskedMaxBytes(view) < size)).toEqual([]);
});

test("is saved under a name that says what it is", () => {
  expect(["image/png", "image/svg+xml", "application/json", "text/markdown", "text/plain", "x/../y"].map(fileNameOf)).toEqual(
    ["fenxi.png", "fenxi.svg", "fenxi.json", "fenxi.md", "fenxi.txt", "fenxi.txt"],
  );
});

test("long text is laid out in blocks of lines", () => {
  expect(blocksOf("")).toEqual([""]);
  expect(blocksOf("a\nb")).toEqual(["a\nb"]);
  const text = Array.from({ length: 1_001 }, (_, at) => `line ${at}`).join("\n");
  expect(blocksOf(text).length).toBe(5);
  expect(blocksOf(text).join("")).toBe(text);
  expect(blocksOf(`${text}\n`.repeat(2)).join("")).toBe(`${text}\n`.repeat(2));
});
