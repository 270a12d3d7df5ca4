// A grid of any size that draws only what is seen, rows and columns both.
import { useMemo, useRef } from "react";
import { errorText } from "../../api/errors";
import { ColumnType, type Column } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { count } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import { Button } from "../../ui/button";
import { columnWindow, ROW_PX, rowWindow, scrollHeight } from "./grid-geometry";
import type { Place } from "./grid-keys";
import { useCells } from "./slices";
import { TypeIcon } from "./type-icon";
import { useCellFocus } from "./use-cell-focus";
import { useView } from "./use-view";

const RIGHT = new Set([ColumnType.INTEGER, ColumnType.FLOAT, ColumnType.DECIMAL]);

/** A width that fits the name and what the summary knows of the values. */
function widthOf(column: Column): number {
  const wide = (text: string) => Array.from(text).reduce((sum, char) => sum + ((char.codePointAt(0) ?? 0) > 0x2e80 ? 2 : 1), 0);
  const samples = [column.summary?.min ?? "", column.summary?.max ?? "", ...(column.summary?.topValues.slice(0, 3).map((each) => each.value) ?? [])];
  const value = Math.max(...samples.map(wide));
  return Math.min(320, Math.max(88, 46 + wide(column.name) * 8, 28 + value * 7.6));
}

export function Grid({ datasetId, columns, rowCount }: { datasetId: string; columns: Column[]; rowCount: number }) {
  const t = useT();
  const host = useRef<HTMLDivElement>(null);
  const gutter = 22 + String(rowCount).length * 9;
  const edges = useMemo(() => {
    let at = 0;
    return [0, ...columns.map((column) => (at += widthOf(column)))];
  }, [columns]);
  const { view, reveal } = useView(host, rowCount, edges, gutter);
  const rows = rowWindow(rowCount, view.top, view.realTop, view.height);
  const range = columnWindow(edges, view.left, view.width);
  const cells = useCells(datasetId, rows, range);
  const textOf = ({ row, column }: Place) => {
    const value = row < 0 ? columns[column]?.name : cells.cell(row, column);
    return value === null ? "" : value;
  };
  const focus = useCellFocus(host, {
    size: { rows: rowCount, columns: columns.length },
    pageRows: Math.max(1, Math.floor(view.height / ROW_PX) - 1),
    reveal,
    textOf,
  });
  const shown = columns.slice(range.first, range.end).map((column, index) => ({ column, index: range.first + index }));
  const widthPx = gutter + (edges.at(-1) ?? 0);
  const place = (index: number) => ({ left: gutter + (edges[index] ?? 0), width: (edges[index + 1] ?? 0) - (edges[index] ?? 0) });
  return (
    <div
      ref={host}
      className="grid"
      role="grid"
      aria-readonly
      aria-rowcount={rowCount + 1}
      aria-colcount={columns.length + 1}
      aria-label={t("dataset.cells")}
      {...focus}
      data-testid="grid"
    >
      <div className="grid-size" style={{ width: widthPx, height: scrollHeight(rowCount) + ROW_PX }}>
        <div className="grid-head" role="row" aria-rowindex={1} style={{ width: widthPx }}>
          <div className="grid-corner" role="columnheader" aria-colindex={1} style={{ width: gutter }}>#</div>
          {shown.map(({ column, index }) => (
            <div key={index} className="grid-th" role="columnheader" tabIndex={-1} aria-colindex={index + 2} style={place(index)} title={column.name}>
              <TypeIcon type={column.type} />
              <span className="ellipsis">{column.name}</span>
            </div>
          ))}
        </div>
        <div className="grid-body" style={{ transform: `translateY(${rows.topPx}px)`, width: widthPx }}>
          {Array.from({ length: rows.end - rows.first }, (_, offset) => {
            const row = rows.first + offset;
            return (
              <div key={row} className="grid-row" role="row" aria-rowindex={row + 2} style={{ top: offset * ROW_PX }}>
                <div className="grid-gutter num" role="rowheader" aria-colindex={1} style={{ width: gutter }}>{count(row + 1)}</div>
                {shown.map(({ column, index }) => {
                  const value = cells.cell(row, index);
                  return (
                    <div
                      key={index}
                      role="gridcell"
                      tabIndex={-1}
                      aria-colindex={index + 2}
                      className={RIGHT.has(column.type) ? "grid-td num right" : "grid-td"}
                      style={place(index)}
                      title={value || undefined}
                    >
                      {value === undefined ? <span className="grid-wait" /> : value === null ? <span className="missing">–</span> : value}
                    </div>
                  );
                })}
              </div>
            );
          })}
        </div>
      </div>
      {cells.error !== null && (
        <div className="grid-error notice notice-bad" role="alert">
          {errorText(cells.error)} <Button size="s" onClick={cells.retry}>{t("common.retry")}</Button>
        </div>
      )}
    </div>
  );
}
