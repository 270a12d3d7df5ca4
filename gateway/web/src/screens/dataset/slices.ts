// Cells of a dataset by blocks: what the grid shows is fetched, kept for a while, and asked for once.
import { useQueries } from "@tanstack/react-query";
import { datasets } from "../../api/transport";
import type { TableSlice } from "../../gen/fenxi/analysis/v1/dataset_pb";
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
  slice: TableSlice;
  missing: Set<number>[];
}

async function fetchBlock(datasetId: string, rowBlock: number, columnBlock: number, signal: AbortSignal): Promise<Block> {
  const { slice } = await datasets.previewDataset(
    { datasetId, rowOffset: BigInt(rowBlock * BLOCK_ROWS), rowCount: BLOCK_ROWS, columnOffset: columnBlock * BLOCK_COLUMNS, columnCount: BLOCK_COLUMNS },
    { signal },
  );
  if (!slice) throw new Error("the answer holds no cells");
  return { slice, missing: slice.columns.map((column) => new Set(column.missingRows)) };
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
    cell: (row, column) => {
      const block = blocks.get(`${Math.floor(row / BLOCK_ROWS)}.${Math.floor(column / BLOCK_COLUMNS)}`);
      if (!block) return undefined;
      const inRow = row % BLOCK_ROWS;
      const inColumn = column % BLOCK_COLUMNS;
      return block.missing[inColumn]?.has(inRow) ? null : block.slice.columns[inColumn]?.values[inRow];
    },
    error: failed?.error ?? null,
    retry: () => results.forEach((result) => result.error && void result.refetch()),
  };
}
