// Cells of a dataset by blocks: what the grid shows is fetched, kept for a while, and asked for once.
import { useQueries } from "@tanstack/react-query";
import { datasets } from "../../api/transport";
import type { Range } from "./grid-geometry";

export const BLOCK_ROWS = 200;
export const BLOCK_COLUMNS = 40;

export interface CellSource {
  /** The text of a cell; null where the value is missing, undefined while it is fetched. */
  cell(row: number, column: number): string | null | undefined;
  error: unknown;
  retry(): void;
}

interface Block {
  columns: { values: string[]; missing: Set<number> }[];
}

/** Cells of one block. An answer gives fewer rows than asked for where more would not fit into it: then the next one goes on. */
export async function fetchBlock(datasetId: string, rowBlock: number, columnBlock: number, signal: AbortSignal): Promise<Block> {
  const block: Block = { columns: [] };
  for (let rows = 0; rows < BLOCK_ROWS; ) {
    const asked = { rowOffset: BigInt(rowBlock * BLOCK_ROWS + rows), rowCount: BLOCK_ROWS - rows };
    const answer = await datasets.previewDataset(
      { datasetId, ...asked, columnOffset: columnBlock * BLOCK_COLUMNS, columnCount: BLOCK_COLUMNS },
      { signal },
    );
    if (!answer.slice) throw new Error("the answer holds no cells");
    for (const [index, column] of answer.slice.columns.entries()) {
      const whole = (block.columns[index] ??= { values: [], missing: new Set() });
      for (const value of column.values) whole.values.push(value);
      for (const row of column.missingRows) whole.missing.add(rows + row);
    }
    rows += answer.slice.rowCount;
    if (answer.slice.rowCount === 0 || asked.rowOffset + BigInt(answer.slice.rowCount) >= answer.totalRows) break;
  }
  return block;
}

export function useCells(datasetId: string, rows: Range, columns: Range): CellSource {
  const wanted: { rowBlock: number; columnBlock: number }[] = [];
  const lastRow = Math.floor(Math.max(rows.first, rows.end - 1) / BLOCK_ROWS);
  const lastColumn = Math.floor(Math.max(columns.first, columns.end - 1) / BLOCK_COLUMNS);
  for (let rowBlock = Math.floor(rows.first / BLOCK_ROWS); rowBlock <= lastRow; rowBlock++) {
    for (let columnBlock = Math.floor(columns.first / BLOCK_COLUMNS); columnBlock <= lastColumn; columnBlock++) {
      wanted.push({ rowBlock, columnBlock });
    }
  }
  const results = useQueries({
    queries: wanted.map(({ rowBlock, columnBlock }) => ({
      queryKey: ["cells", datasetId, rowBlock, columnBlock],
      queryFn: ({ signal }: { signal: AbortSignal }) => fetchBlock(datasetId, rowBlock, columnBlock, signal),
      staleTime: Number.POSITIVE_INFINITY,
      gcTime: 60_000,
    })),
  });
  const blocks = new Map(wanted.map((place, index) => [`${place.rowBlock}.${place.columnBlock}`, results[index]?.data]));
  const failed = results.find((result) => result.error);
  return {
    cell: (row, columnNumber) => {
      const block = blocks.get(`${Math.floor(row / BLOCK_ROWS)}.${Math.floor(columnNumber / BLOCK_COLUMNS)}`);
      if (!block) return undefined;
      const column = block.columns[columnNumber % BLOCK_COLUMNS];
      const inBlock = row % BLOCK_ROWS;
      return column?.missing.has(inBlock) ? null : column?.values[inBlock];
    },
    error: failed?.error ?? null,
    retry: () => results.forEach((result) => result.error && void result.refetch()),
  };
}
