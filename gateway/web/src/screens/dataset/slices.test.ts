import { beforeEach, describe, expect, it, vi } from "vitest";
import { BLOCK_ROWS, fetchBlock } from "./slices";

const service = vi.hoisted(() => ({ datasets: { previewDataset: vi.fn() } }));
vi.mock("../../api/transport", () => service);

const TOTAL_ROWS = 2_000;
/** A table of one column, every tenth value missing, that answers with at most so many rows. */
function serve(atOnce: number) {
  service.datasets.previewDataset.mockImplementation(async ({ rowOffset, rowCount }: { rowOffset: bigint; rowCount: number }) => {
    const first = Number(rowOffset);
    const rows = Math.max(0, Math.min(rowCount, atOnce, TOTAL_ROWS - first));
    const numbers = Array.from({ length: rows }, (_, index) => index);
    const missingRows = numbers.filter((index) => (first + index) % 10 === 0);
    const values = numbers.map((index) => (missingRows.includes(index) ? "" : String(first + index)));
    return { slice: { columns: [{ values, missingRows }], rowOffset, rowCount: rows }, totalRows: BigInt(TOTAL_ROWS) };
  });
}

const block = (rowBlock: number) => fetchBlock("d", rowBlock, 0, new AbortController().signal);

describe("a block of cells", () => {
  beforeEach(() => {
    service.datasets.previewDataset.mockReset();
  });

  it("is whole though answers give fewer rows than asked for", async () => {
    serve(80);
    const { columns } = await block(1);
    expect(columns[0]?.values).toHaveLength(BLOCK_ROWS);
    expect(columns[0]?.values[199]).toBe("399");
    expect([...(columns[0]?.missing ?? [])]).toEqual(Array.from({ length: 20 }, (_, index) => index * 10));
    expect(service.datasets.previewDataset).toHaveBeenCalledTimes(3);
  });

  it("takes one call where it fits, and ends with the table", async () => {
    serve(1_000);
    await block(1);
    const last = await block(TOTAL_ROWS / BLOCK_ROWS - 1);
    expect(last.columns[0]?.values).toHaveLength(BLOCK_ROWS);
    expect(service.datasets.previewDataset).toHaveBeenCalledTimes(2);
    expect((await block(TOTAL_ROWS / BLOCK_ROWS)).columns[0]?.values).toEqual([]);
  });
});
