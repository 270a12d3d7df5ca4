import { expect, test } from "vitest";
import { pieces } from "./inspection";

test("colours become styles and nothing else is obeyed", () => {
  const text = "\x1b[31mSignature:\x1b[39m f(x)\r\n\x1b[2J\x1b]<b>bold</b>\x07";
  expect(pieces(text)).toEqual([
    { text: "Signature:", key: "1||" },
    { text: " f(x)", key: "" },
    { text: "\n", key: "" },
    { text: "<b>bold</b>", key: "" },
  ]);
});

test("plain text is one piece", () => {
  expect(pieces("a\tb\nc")).toEqual([{ text: "a\tb\nc", key: "" }]);
  expect(pieces("")).toEqual([]);
});
