// A grid of any size that draws only what is seen, rows and columns both.
import { useEffect, useMemo, useRef, useState } from "react";
import { errorText } from "../../api/errors";
import { ColumnType, type Column } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { count } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import { Button } from "../../ui/button";
import { columnWindow, ROW_PX, rowWindow, scrollHeight } from "./grid-geometry";
import { useCells } from "./slices";
import { TypeIcon } from "./type-icon";

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
  const [view, setView] = useState({ top: 0, left: 0, width: 800, height: 480 });
  const gutter = 22 + String(rowCount).length * 9;
  const edges = useMemo(() => {
    let at = 0;
    return [0, ...columns.map((column) => (at += widthOf(column)))];
  }, [columns]);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    let frame = 0;
    const read = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() =>
        setView({ top: element.scrollTop, left: element.scrollLeft, width: element.clientWidth, height: element.clientHeight }),
      );
    };
    read();
    element.addEventListener("scroll", read, { passive: true });
    const observer = new ResizeObserver(read);
    observer.observe(element);
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
      element.removeEventListener("scroll", read);
    };
  }, []);
  const bodyPx = Math.max(ROW_PX, view.height - ROW_PX);
  const rows = rowWindow(rowCount, view.top, bodyPx);
  const range = columnWindow(edges, view.left, view.width);
  const cells = useCells(datasetId, rows, range);
  const shown = columns.slice(range.first, range.end).map((column, index) => ({ column, index: range.first + index }));
  const widthPx = gutter + (edges.at(-1) ?? 0);
  const place = (index: number) => ({ left: gutter + (edges[index] ?? 0), width: (edges[index + 1] ?? 0) - (edges[index] ?? 0) });
  return (
    <div
      ref={host}
      className="grid"
      role="grid"
      aria-rowcount={rowCount + 1}
      aria-colcount={columns.length}
      aria-label={t("dataset.cells")}
      tabIndex={0}
      data-testid="grid"
    >
      <div className="grid-size" style={{ width: widthPx, height: scrollHeight(rowCount) + ROW_PX }}>
        <div className="grid-head" role="row" style={{ width: widthPx }}>
          <div className="grid-corner" style={{ width: gutter }} />
          {shown.map(({ column, index }) => (
            <div key={index} className="grid-th" role="columnheader" aria-colindex={index + 1} style={place(index)} title={column.name}>
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
                <div className="grid-gutter num" style={{ width: gutter }}>{count(row + 1)}</div>
                {shown.map(({ column, index }) => {
                  const value = cells.cell(row, index);
                  return (
                    <div
                      key={index}
                      role="gridcell"
                      aria-colindex={index + 1}
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
