// What the reading of a table warns of, in the page's language.
import { TableWarningKind, type TableWarning, type WarnedColumn } from "../gen/fenxi/analysis/v1/table_warning_pb";
import { currentLanguage, fill, type Language } from "./i18n";
import type { Words } from "./table-warning-words";

/** A warning in these words; by its own text where they have none for its kind. */
export function tableWarningText(wordsOf: Record<Language, Words>, warning: TableWarning): string {
  const words = wordsOf[currentLanguage()];
  const kinds: Partial<Record<string, string>> = words.kinds;
  const message = kinds[TableWarningKind[warning.kind] ?? ""];
  if (message === undefined) return warning.text;
  const { columns, moreColumnCount, count, line, cell, encoding, otherEncoding, quote, leftOut, member } = warning;
  return fill(message, {
    n: columns.length > 0 ? columns.length + moreColumnCount : count,
    columns: listed(words, columns, moreColumnCount),
    line: String(line),
    cell,
    encoding: encoding.toUpperCase(),
    other: otherEncoding.toUpperCase(),
    quote,
    member,
    left_out: leftOut.length > 0 ? fill(words.leftOut, { listed: leftOut.map((name) => fill(words.column, { name })).join(words.between) }) : "",
  });
}

function listed(words: Words, columns: WarnedColumn[], more: number): string {
  const one = ({ name, originalName, line, value, count }: WarnedColumn) => {
    if (originalName !== "") return fill(words.renamed, { original: originalName, name });
    if (count > 0n) return fill(words.word, { name, value, n: count });
    if (line > 0n) return fill(words.unlike, { name, line: String(line), value });
    return fill(words.column, { name });
  };
  return columns.map(one).join(words.between) + (more > 0 ? fill(words.more, { n: more }) : "");
}
