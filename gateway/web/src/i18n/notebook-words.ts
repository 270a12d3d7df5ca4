// What a notebook alone says. Loaded with it; with nothing but types imported, since what both loads need would be split
// off from the first.
import type { Language } from "./i18n";

export interface Words {
  /** Of the button for tables that there is no room for. */
  allTables: string;
  /** On that button where there is room for none. */
  tables: string;
}

const en: Words = {
  allTables: "The table|All {n} tables",
  tables: "{n} table|{n} tables",
};

const zh: Words = {
  allTables: "全部 {n} 个表格",
  tables: "{n} 个表格",
};

export const WORDS: Record<Language, Words> = { en, "zh-CN": zh };
