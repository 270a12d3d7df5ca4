import { create } from "@bufbuild/protobuf";
import { afterEach, expect, test, vi } from "vitest";

vi.hoisted(() => {
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => {} });
  vi.stubGlobal("document", { documentElement: {} });
});

import { TableWarningKind as Kind, TableWarningSchema, type TableWarning } from "../gen/fenxi/analysis/v1/table_warning_pb";
import { setLanguage } from "./i18n";
import { WORDS } from "./table-warning-words";
import { tableWarningText } from "./table-warnings";

type Init = Parameters<typeof create<typeof TableWarningSchema>>[1];
const warning = (init: Init): TableWarning => create(TableWarningSchema, { text: "the service's own", ...init });
const told = (of: TableWarning) => tableWarningText(WORDS, of);
const kinds = Object.values(Kind).filter((kind): kind is Kind => typeof kind === "number");
const worded = kinds.filter((kind) => kind !== Kind.UNSPECIFIED && kind !== Kind.OTHER);
const places = (text: string) => [...new Set(text.match(/\{\w+\}/g))].toSorted();

/** A warning with everything that any kind may have. */
const whole = (kind: Kind) => warning({
  kind, count: 3n, line: 7n, cell: "B7", encoding: "gb18030", otherEncoding: "big5", quote: "'", columns: [{ name: "a" }], moreColumnCount: 4, leftOut: ["b"], member: "m",
});

afterEach(() => setLanguage("en"));

test.each(["en", "zh-CN"] as const)("every kind has words in %s, and all their places are filled", (language) => {
  setLanguage(language);
  expect(worded.length).toBeGreaterThan(30);
  for (const kind of worded) {
    const text = told(whole(kind));
    expect(text, Kind[kind]).not.toBe("the service's own");
    expect(text.trim(), Kind[kind]).not.toBe("");
    expect(text, Kind[kind]).not.toMatch(/\{\w+\}/);
    expect(/[\u4e00-\u9fff]/.test(text), Kind[kind]).toBe(language === "zh-CN");
  }
});

test("both languages say the same things of a kind", () => {
  const chinese: Record<string, string> = WORDS["zh-CN"].kinds;
  for (const [kind, english] of Object.entries(WORDS.en.kinds)) {
    const other = chinese[kind] ?? "";
    expect(places(other), kind).toEqual(places(english));
    // One form, or one for one thing and one for several.
    for (const form of english.split("|")) expect(places(form), kind).toEqual(places(english));
    expect(other, kind).not.toContain("|");
  }
});

test("columns are listed with what is known of each, and the others counted", () => {
  const renamed = warning({ kind: Kind.SAME_NAME, columns: [{ name: "城市_2", originalName: "城市" }, { name: "x|y_2", originalName: "x|y" }], moreColumnCount: 2 });
  expect(told(renamed)).toBe("4 columns had the name of another and got a new one: “城市” (now “城市_2”), “x|y” (now “x|y_2”) and 2 more");
  const unlike = warning({ kind: Kind.FEW_UNLIKE, columns: [{ name: "n", line: 200002n, value: "{n}" }, { name: "m" }] });
  expect(told(unlike)).toBe("Kept as text, as a few values are unlike the others: “n” (line 200002: “{n}”), “m”");
  const words = warning({ kind: Kind.MISSING_WORDS, columns: [{ name: "age", value: "-", count: 1200n }] });
  expect(told(words)).toBe("Words that may mean nothing were read as missing values; how many cells of each column: “age” (1,200, first “-”)");
  setLanguage("zh-CN");
  expect(told(words)).toBe("“-”“none”之类的词已视为缺失值，各列的单元格数：「age」（1,200 个，首个为「-」）");
  expect(told(renamed)).toBe("4 列与其他列重名，已改名：「城市」（现为「城市_2」）、「x|y」（现为「x|y_2」），另有 2 列");
  expect(told(unlike)).toBe("保留为文本，因为有少数值与其他值不同：「n」（第 200002 行：「{n}」）、「m」");
});

test("figures take the form that fits them", () => {
  expect(told(warning({ kind: Kind.TITLE_ROWS, count: 1n }))).toBe("1 title row above the table was left out");
  expect(told(warning({ kind: Kind.TITLE_ROWS, count: 2n, leftOut: ["Sales 2024", "{n}"] }))).toBe("2 title rows above the table were left out: “Sales 2024”, “{n}”");
  expect(told(warning({ kind: Kind.CELL_ERRORS, count: 1200n, cell: "H3" }))).toBe("1,200 cells hold an error such as #DIV/0! and count as missing (first: H3).");
  setLanguage("zh-CN");
  expect(told(warning({ kind: Kind.ENCODING_DOUBTFUL, encoding: "utf-8", otherEncoding: "gb18030" }))).toBe("文本按 UTF-8 读取，但也可能是 GB18030。如有乱码，请选择该编码。");
});

test("a kind that the page does not know is told by its own text", () => {
  setLanguage("zh-CN");
  for (const kind of [Kind.OTHER, Kind.UNSPECIFIED, 999 as Kind]) expect(told(warning({ kind }))).toBe("the service's own");
});
