import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterEach, expect, test, vi } from "vitest";
import { VariableKind, VariableSchema } from "../../gen/fenxi/analysis/v1/inspection_pb";
import { setLanguage } from "../../i18n/i18n";
import { sizeOf, summaryOf } from "./variable-words";

const { TABLE, ARRAY, VALUE } = VariableKind;

/** What is said of a variable in both languages: its value in short, and how large it is. */
function said(fields: MessageInitShape<typeof VariableSchema>): string[] {
  const variable = create(VariableSchema, fields);
  vi.stubGlobal("document", { documentElement: {} });
  return (["en", "zh-CN"] as const).map((language) => {
    setLanguage(language);
    return `${summaryOf(variable)} | ${sizeOf(variable)}`;
  });
}

afterEach(() => {
  setLanguage("en");
  vi.unstubAllGlobals();
});

test("tables are told of in the page's language", () => {
  expect(said({ kind: TABLE, rowCount: 1n, columnCount: 5, summary: "1 rows x 5 columns", sizeBytes: 2048n })).toEqual(["1 row × 5 columns | 2 KB", "1 行 × 5 列 | 2 KB"]);
  expect(said({ kind: TABLE, rowCount: 1000n, columnCount: 1, summary: "1,000 rows x 1 columns" })).toEqual(["1,000 rows × 1 column | ", "1,000 行 × 1 列 | "]);
});

test("of an array its values are the kernel's, and the rest is not", () => {
  expect(said({ kind: ARRAY, shape: [3n, 2n], dtype: "object", summary: "object, 3 x 2" })).toEqual(["object | 3 × 2", "object | 3 × 2"]);
  expect(said({ kind: ARRAY, shape: [1n, 2n], dtype: "int64", summary: "[[1, 2]]" })).toEqual(["[[1, 2]] | 1 × 2", "[[1, 2]] | 1 × 2"]);
  expect(said({ kind: ARRAY, shape: [1n], dtype: "object", summary: "['object, x']" })).toEqual(["['object, x'] | 1 item", "['object, x'] | 1 项"]);
});

test("what has a length has it in its unit", () => {
  expect(said({ kind: VALUE, type: "list", length: 2n, summary: "[1, 2]" })).toEqual(["[1, 2] | 2 items", "[1, 2] | 2 项"]);
  expect(said({ kind: VALUE, type: "str", length: 1n, summary: "'a'" })).toEqual(["'a' | 1 character", "'a' | 1 个字符"]);
  expect(said({ kind: VALUE, type: "bytes", length: 9n, sizeBytes: 42n, summary: "b''" })).toEqual(["b'' | 9 B", "b'' | 9 B"]);
  expect(said({ kind: VALUE, type: "bytes", length: 4096n, sizeBytes: 4129n, summary: "b''" })).toEqual(["b'' | 4 KB", "b'' | 4 KB"]);
  expect(said({ kind: VALUE, type: "int", summary: "7" })).toEqual(["7 | ", "7 | "]);
});

test("without a value it is said why", () => {
  expect(said({ kind: VALUE, type: "Broken", summaryError: "ValueError: no" })).toEqual(["not shown: ValueError: no | ", "无法显示：ValueError: no | "]);
});
