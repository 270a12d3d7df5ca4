// How a file is read: sheet, delimiter, encoding, header, each detected first; with what would become of it.
import { create } from "@bufbuild/protobuf";
import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { errorText } from "../api/errors";
import { DatasetService, FileFormat, HeaderMode, ParseOptionsSchema, type Dataset, type ParseOptions } from "../gen/fenxi/analysis/v1/dataset_pb";
import { useT } from "../i18n/i18n";
import { Button } from "../ui/button";
import { Field, Select } from "../ui/field";
import { TableWarnings } from "../ui/table-warnings";
import { SlicePreview } from "./slice-preview";
import { makeDataset } from "./make";
import { uploads, type UploadItem } from "./queue";
import { choose, mayMake, previewRows, rename } from "./reading";

const DELIMITERS = [",", "\t", ";", "|", " "];
const ENCODINGS = ["utf-8", "gb18030", "big5", "utf-16le", "utf-16be", "shift_jis", "euc-kr", "windows-1252"];

export function ReadOptions({ item, onMade }: { item: UploadItem; onMade(dataset: Dataset): void }) {
  const t = useT();
  const { reading } = item;
  const { options, name, busy, error } = reading;
  const rows = previewRows(item);
  const preview = useQuery(
    DatasetService.method.previewUpload,
    { uploadId: item.uploadId ?? "", options, rowCount: rows },
    { enabled: rows > 0, placeholderData: keepPreviousData, staleTime: item.phase === "received" ? 60_000 : 3_000, retry: 1 },
  );
  const change = (act: () => void) => {
    act();
    uploads.notifier.flush();
  };
  const make = async () => {
    const dataset = await makeDataset(item);
    if (dataset) onMade(dataset);
  };
  // A file that cannot be read as it was guessed may be readable another way: the choices stay.
  const detected = preview.error ? guessOf(item.name, options) : preview.data?.options;
  const failure = error ?? preview.error;
  const warnings = preview.error ? [] : (preview.data?.tableWarnings ?? []);
  return (
    <div className="up-read">
      <Choices detected={detected} options={options} sheets={preview.data?.sheets ?? []} onChange={(part) => change(() => choose(reading, part))} />
      {failure !== null && (
        <div className="notice notice-bad" role="alert" data-testid="upload-error">
          <span className="grow">{errorText(failure)}</span>
          {preview.error !== null && <Button size="s" busy={preview.isFetching} onClick={() => void preview.refetch()}>{t("common.retry")}</Button>}
        </div>
      )}
      <TableWarnings warnings={warnings} className="up-warnings" />
      {preview.data?.slice && !preview.error && <SlicePreview slice={preview.data.slice} faded={preview.isPlaceholderData} />}
      {!preview.data && !failure && <div className="up-blank muted">{t(rows > 0 ? "upload.reading" : "upload.previewLater")}</div>}
      <div className="up-finish">
        <div className="grow">
          <Field label={t("upload.name")} value={name} maxLength={200} onChange={(event) => change(() => rename(reading, event.target.value))} />
        </div>
        <Button variant="primary" disabled={!mayMake(item, preview.error)} busy={busy} onClick={() => void make()} data-testid="complete-upload">
          {t(busy ? "upload.making" : "upload.make")}
        </Button>
      </div>
    </div>
  );
}

/** What there is to choose for a file that could not be read: by its name, as nothing was found out. */
function guessOf(fileName: string, options: ParseOptions): ParseOptions {
  const text = /\.(csv|tsv|txt)$/i.test(fileName);
  return create(ParseOptionsSchema, { ...options, format: text ? FileFormat.DELIMITED : FileFormat.UNSPECIFIED });
}

interface ChoicesProps {
  detected: ParseOptions | undefined;
  options: ParseOptions;
  sheets: string[];
  onChange(part: Partial<ParseOptions>): void;
}

function Choices({ detected, options, sheets, onChange }: ChoicesProps) {
  const t = useT();
  const format = detected?.format ?? FileFormat.UNSPECIFIED;
  const delimited = format === FileFormat.DELIMITED;
  const text = delimited || format === FileFormat.JSON || format === FileFormat.JSON_LINES;
  const table = delimited || format === FileFormat.XLSX || format === FileFormat.XLS;
  const delimiters = [...new Set([...DELIMITERS, detected?.delimiter ?? ","])].filter(Boolean);
  const encodings = [...new Set([...ENCODINGS, detected?.encoding ?? "utf-8"])].filter(Boolean);
  if (!detected) return null;
  return (
    <div className="up-choices">
      {sheets.length > 0 && (
        <Select label={t("upload.sheet")} small value={options.sheet || detected.sheet} onChange={(event) => onChange({ sheet: event.target.value })}>
          {sheets.map((sheet) => <option key={sheet} value={sheet}>{sheet}</option>)}
        </Select>
      )}
      {delimited && (
        <Select label={t("upload.delimiter")} small value={options.delimiter} onChange={(event) => onChange({ delimiter: event.target.value })}>
          <option value="">{automatic(delimiterName(detected.delimiter, t), t)}</option>
          {delimiters.map((each) => <option key={each} value={each}>{delimiterName(each, t)}</option>)}
        </Select>
      )}
      {text && (
        <Select label={t("upload.encoding")} small value={options.encoding} onChange={(event) => onChange({ encoding: event.target.value })}>
          <option value="">{automatic(encodingName(detected.encoding), t)}</option>
          {encodings.map((each) => <option key={each} value={each}>{encodingName(each)}</option>)}
        </Select>
      )}
      {table && (
        <Select label={t("upload.header")} small value={String(options.header)} onChange={(event) => onChange({ header: Number(event.target.value) as HeaderMode })}>
          <option value={HeaderMode.UNSPECIFIED}>
            {t("upload.detected", { value: t(detected.header === HeaderMode.ABSENT ? "upload.headerAbsent" : "upload.headerPresent") })}
          </option>
          <option value={HeaderMode.PRESENT}>{t("upload.headerPresent")}</option>
          <option value={HeaderMode.ABSENT}>{t("upload.headerAbsent")}</option>
        </Select>
      )}
    </div>
  );
}

function automatic(value: string, t: ReturnType<typeof useT>): string {
  return value === "" ? t("upload.automatic") : t("upload.detected", { value });
}

function encodingName(label: string): string {
  return label === "gb18030" ? "GBK / GB18030" : label.toUpperCase();
}

function delimiterName(delimiter: string, t: ReturnType<typeof useT>): string {
  if (delimiter === "\t") return t("upload.tab");
  if (delimiter === " ") return t("upload.space");
  if (delimiter === ",") return t("upload.comma");
  if (delimiter === ";") return t("upload.semicolon");
  return delimiter;
}
