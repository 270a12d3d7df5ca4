// The value of a variable: a page of its cells, or text.
import { useQuery } from "@connectrpc/connect-query";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useState } from "react";
import { errorText } from "../../api/errors";
import { ColumnType, type ColumnSlice } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { InspectionService, type VariablePage } from "../../gen/fenxi/analysis/v1/inspection_pb";
import { count } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import { IconButton } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { Skeleton } from "../../ui/states";
import { TypeIcon } from "../dataset/type-icon";

const PAGE_ROWS = 50;
const PAGE_COLUMNS = 30;
const RIGHT = new Set([ColumnType.INTEGER, ColumnType.FLOAT, ColumnType.DECIMAL]);

export function VariablePreview({ kernelId, name, onClose }: { kernelId: string; name: string; onClose(): void }) {
  const [place, setPlace] = useState({ row: 0, column: 0 });
  const { data, error } = useQuery(
    InspectionService.method.previewVariable,
    { kernelId, name, rowOffset: BigInt(place.row), rowCount: PAGE_ROWS, columnOffset: place.column, columnCount: PAGE_COLUMNS },
    { staleTime: 0, gcTime: 0, retry: false, placeholderData: (former) => former },
  );
  const content = data?.value.case === "bundle" ? data.value.value.parts[0]?.content : undefined;
  return (
    <Dialog open wide title={name} {...(data ? { description: data.type } : {})} onClose={onClose} testId="variable-preview">
      {error ? <p className="notice notice-bad" role="alert">{errorText(error)}</p> : !data && <Skeleton rows={6} />}
      {data?.value.case === "page" && <Page page={data.value.value} place={place} onMove={setPlace} />}
      {content?.case === "text" && <pre className="variable-text" tabIndex={0}>{content.value}</pre>}
    </Dialog>
  );
}

interface Place {
  row: number;
  column: number;
}

function Page({ page, place, onMove }: { page: VariablePage; place: Place; onMove(place: Place): void }) {
  const t = useT();
  const columns = page.slice?.columns ?? [];
  const first = Number(page.slice?.rowOffset ?? 0);
  const rows = page.slice?.rowCount ?? 0;
  const missing = columns.map((column) => new Set(column.missingRows));
  return (
    <>
      <div className="variable-pages small">
        <Pager text={t("variables.rows", { n: page.totalRows })} at={place.row} step={PAGE_ROWS} total={Number(page.totalRows)} onMove={(row) => onMove({ ...place, row })} />
        <Pager text={t("variables.columns", { n: page.totalColumns })} at={place.column} step={PAGE_COLUMNS} total={page.totalColumns} onMove={(column) => onMove({ ...place, column })} />
      </div>
      <div className="variable-cells" tabIndex={0} role="region" aria-label={t("dataset.cells")}>
        <table>
          <thead>
            <tr>
              <th scope="col">{page.labels?.name ?? ""}</th>
              {page.columns.map((column, index) => (
                <th key={index} scope="col" title={column.dtype}>
                  <TypeIcon type={column.type} /> {column.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Array.from({ length: rows }, (_, row) => (
              <tr key={row}>
                <th scope="row" className="num">{page.labels ? page.labels.values[row] : count(first + row)}</th>
                {columns.map((column, index) => <Cell key={index} column={column} row={row} missing={missing[index]?.has(row) ?? false} />)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Cell({ column, row, missing }: { column: ColumnSlice; row: number; missing: boolean }) {
  return <td className={RIGHT.has(column.type) ? "num right" : ""}>{missing ? <span className="missing">–</span> : column.values[row]}</td>;
}

function Pager({ text, at, step, total, onMove }: { text: string; at: number; step: number; total: number; onMove(at: number): void }) {
  const t = useT();
  return (
    <span className="row">
      {text}
      {total > step && (
        <>
          <IconButton label={t("variables.back")} icon={<ChevronLeft />} size="s" disabled={at === 0} onClick={() => onMove(Math.max(0, at - step))} />
          <span className="num">{count(at + 1)}–{count(Math.min(total, at + step))}</span>
          <IconButton label={t("variables.forward")} icon={<ChevronRight />} size="s" disabled={at + step >= total} onClick={() => onMove(at + step)} />
        </>
      )}
    </span>
  );
}
