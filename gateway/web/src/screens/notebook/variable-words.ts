// What the panel says of a variable, in the page's language; the kernel's own words are for values only.
import { VariableKind, type Variable } from "../../gen/fenxi/analysis/v1/inspection_pb";
import { bytes, count } from "../../i18n/format";
import { currentLanguage, fill, translate } from "../../i18n/i18n";
import { WORDS } from "../../i18n/notebook-words";

/** From here on it is worth saying what a variable takes. */
const SIZE_MIN_BYTES = 1024n;

/** Its value in short, or what stands for it. */
export function summaryOf(variable: Variable): string {
  const { kind, rowCount, columnCount, shape, dtype, summary, summaryError } = variable;
  if (kind === VariableKind.TABLE && rowCount !== undefined) {
    return `${translate("variables.rows", { n: rowCount })} × ${translate("variables.columns", { n: columnCount ?? 0 })}`;
  }
  // Of an array whose elements it does not show, the kernel says the type and the shape, which is told beside it.
  if (kind === VariableKind.ARRAY && shape.length !== 1 && dtype !== "" && summary.startsWith(`${dtype}, `)) return dtype;
  return summary || translate("variables.noSummary", { reason: summaryError });
}

/** How large it is: `3 × 2 · 48 KB`, `7 items`; of a table only its bytes, as its summary says the rest. */
export function sizeOf({ kind, type, shape, length, sizeBytes }: Variable): string {
  const sized = sizeBytes !== undefined && sizeBytes >= SIZE_MIN_BYTES ? bytes(sizeBytes) : "";
  return [kind === VariableKind.TABLE ? "" : extent(type, shape, length), sized].filter(Boolean).join(" · ");
}

function extent(type: string, shape: bigint[], length: bigint | undefined): string {
  const words = WORDS[currentLanguage()];
  if (shape.length > 1) return shape.map(count).join(" × ");
  const n = shape[0] ?? length;
  if (n === undefined) return "";
  if (type === "bytes" || type === "bytearray") return n < SIZE_MIN_BYTES ? bytes(n) : "";
  return fill(type === "str" ? words.characters : words.items, { n });
}
