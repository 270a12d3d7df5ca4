import { expect, test } from "vitest";
import { indented } from "./json-text";

test("JSON is laid out as JSON.stringify does it", () => {
  const value = { a: [1, [], {}, { b: [true, null, [2]] }], "c:,{}[]": 'quote " \\ back', d: "", e: {} };
  const text = JSON.stringify(value, null, 2);
  expect(indented(JSON.stringify(value))).toBe(text);
  expect(indented(text)).toBe(text);
  for (const plain of ["1", '"a b"', "[]", "{}"]) expect(indented(plain)).toBe(plain);
  expect(indented(" [ ] ")).toBe("[]");
});

test("what is written in it stays as it is written", () => {
  const written = '{"10":9007199254740993,"2":1.0,"a":1e400,"b":-0.0,"c":"\\u00e9","a":12345678901234567890}';
  const shown = indented(written);
  expect(shown.replaceAll(/\s/g, "")).toBe(written);
  expect(shown.split("\n")).toEqual(["{", '  "10": 9007199254740993,', '  "2": 1.0,', '  "a": 1e400,', '  "b": -0.0,', '  "c": "\\u00e9",', '  "a": 12345678901234567890', "}"]);
});

test("what is no JSON is shown as it came", () => {
  for (const text of ["", "{a: 1}", "[1, 2", "NaN"]) expect(indented(text)).toBe(text);
});
