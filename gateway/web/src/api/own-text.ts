// What the services say of an error in their own words, which are English and begin as the middle of a sentence does: in
// the page's language where the page knows the sentence, and else as a sentence of theirs.
import { bytes } from "../i18n/format";
import { translate, type MessageKey, type Params } from "../i18n/i18n";

/** Where in a file something was found. */
const PLACES: [RegExp, MessageKey][] = [
  [/^line (?<line>\d+): /, "details.line"],
  [/^sheet "(?<sheet>.*?)", cell (?<cell>[A-Z]+\d+): /, "details.cell"],
  [/^sheet "(?<sheet>.*?)": /, "details.sheet"],
];

/** Groups named so are amounts: `…Bytes`, `…Mib`; other figures are figures. */
const SENTENCES: [RegExp, MessageKey][] = [
  // Names and passwords.
  [/ must have at least (?<min>\d+) and at most (?<max>\d+) characters$/, "details.passwordLength"],
  [/ must not be one character repeated, /, "details.passwordSimple"],
  [/^username must be (?<min>\d+) to (?<max>\d+) characters/, "details.username"],
  [/^(?:user\.)?display_name must have at most (?<max>\d+) characters/, "details.name"],
  [/^(?:kernel\.)?display_name is longer than (?<max>\d+) characters/, "details.name"],
  [/^(?:dataset\.)?name has \d+ characters; give at most (?<max>\d+)$/, "details.name"],
  [/^(?:dataset\.)?name is empty; /, "details.nameEmpty"],
  // Kernels.
  [/^you have (?<limit>\d+) kernels, /, "details.kernelsOfUser"],
  [/^the service runs (?<limit>\d+) kernels, /, "details.kernelsOfAll"],
  [/^the memory of your kernels is (?<usedMib>\d+) of (?<limitMib>\d+) MiB/, "details.memoryOfUser"],
  [/^the memory of all kernels of this service is (?<usedMib>\d+) of (?<limitMib>\d+) MiB/, "details.memoryOfAll"],
  [/^the files of your kernels, ended ones too, take (?<usedMib>\d+) of (?<limitMib>\d+) MiB/, "details.filesOfUser"],
  [/^this kernel's files are above their limit \((?<above>.*)\), /, "details.files"],
  [/^there is no kernel spec `.*`; there are: (?<known>.*)$/, "details.kernelSpecs"],
  [/^the value cannot be shown: (?<why>.*)$/s, "details.because"],
  [/^the kernel's answer cannot be read; /, "details.answerUnreadable"],
  // Quotas.
  [/^(?<limit>\d+) ApiTokens are in force; /, "details.tokens"],
  [/^(?<n>\d+) uploads are open; /, "details.uploadsOpen"],
  [/^the file has (?<sizeBytes>\d+) bytes; one file may have (?<limitBytes>\d+)$/, "details.fileMax"],
  [/^the file has (?<sizeBytes>\d+) bytes, and (?<usedBytes>\d+) of your (?<limitBytes>\d+) bytes are used; /, "details.quota"],
  // Files of another kind.
  [/^the file was to be read as (?<wanted>.*), but its content is (?<found>.*); /, "details.otherFormat"],
  [/^the file is an? (?<what>\S+) picture\b/, "details.picture"],
  [/^the file is an? (?<what>\S+) (?:archive; unpack|archive without a workbook)/, "details.archive"],
  [/^the file is an? (?<what>.+?)(?: \([^)]*\))? (?:document|presentation|file|page|database|workbook)\b/, "details.document"],
  [/^the file holds binary data and no table/, "details.binary"],
  // Files that are broken.
  [/^the (?<what>workbook|sheet|Parquet file|Arrow file) is damaged/, "details.damaged"],
  [/^the workbook is cut off or damaged/, "details.damagedWorkbook"],
  [/^the file is damaged in a way/, "details.damagedWorkbook"],
  [/^the workbook is protected by a password; /, "details.locked"],
  [/^the Parquet file is encrypted; /, "details.encrypted"],
  [/^the byte 0x(?<byte>[0-9A-F]+) is not valid (?<encoding>\S+?)\. /, "details.wrongByte"],
  [/^(?<found>\d+) fields? found where the first row has (?<expected>\d+); /, "details.ragged"],
  [/^a field begins with a quote \((?<quote>.*?)\)/, "details.quoteOpen"],
  [/^the JSON ends too early/, "details.jsonCut"],
  [/^column (?<column>\d+): (?<word>\S+) is no JSON, /, "details.jsonWord"],
  [/^column (?<column>\d+): this is not the JSON of a table/, "details.jsonShape"],
  [/^column "(?<name>.*)" has the type (?<type>.*), which we cannot read\. /, "details.columnType"],
  [/^record (?<record>\d+) has the key "(?<key>.*)" twice; /, "details.keyTwice"],
  [/^rows: (?<found>\d+) is over the limit of (?<limit>\d+) /, "details.rows"],
  [/^columns: (?<found>\d+) is over the limit of (?<limit>\d+) /, "details.columns"],
  [/^bytes of one cell \((?<where>[^;]*).*\): (?<foundBytes>\d+) is over the limit of (?<limitBytes>\d+) /, "details.cellSize"],
  [/^bytes of .*: (?<foundBytes>\d+) is over the limit of (?<limitBytes>\d+) /, "details.size"],
  // How a file is read.
  [/^options\.sheet the workbook has no sheet "(?<wanted>.*)"; it has (?<known>.*)$/, "details.noSheet"],
  [/^options\.encoding "(?<wanted>.*)" is no encoding we know; /, "details.noEncoding"],
];

export function ownText(own: string): string {
  for (const [pattern, key] of PLACES) {
    const place = pattern.exec(own);
    if (place) return translate(key, { ...paramsOf(place), what: sentence(own.slice(place[0].length)) });
  }
  return sentence(own);
}

function sentence(own: string): string {
  for (const [pattern, key] of SENTENCES) {
    const found = pattern.exec(own);
    if (found) return translate(key, paramsOf(found));
  }
  return translate("details.other", { text: asSentence(own) });
}

function paramsOf({ groups = {} }: RegExpExecArray): Params {
  const value = (name: string, text: string) => {
    if (name.endsWith("Bytes")) return bytes(Number(text));
    if (name.endsWith("Mib")) return bytes(Number(text) * 1024 * 1024);
    return /^\d{1,15}$/.test(text) ? Number(text) : text;
  };
  return Object.fromEntries(Object.entries(groups).map(([name, text]) => [name, value(name, text ?? "")]));
}

/** Begins with a capital, unless with a name that is written so, and ends. */
function asSentence(text: string): string {
  const begun = /^\w+[._[]/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
