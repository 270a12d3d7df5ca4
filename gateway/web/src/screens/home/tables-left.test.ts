import { Code, ConnectError } from "@connectrpc/connect";
import { expect, it, vi } from "vitest";
import { tablesLeft } from "./tables-left";

const service = vi.hoisted(() => ({ datasets: { getDataset: vi.fn() } }));
vi.mock("../../api/transport", () => service);

it("tells what is deleted from what is there, or cannot be asked about now", async () => {
  const answers: Record<string, Code> = { b: Code.NotFound, c: Code.Unavailable };
  service.datasets.getDataset.mockImplementation(async ({ datasetId }: { datasetId: string }) => {
    const code = answers[datasetId];
    if (code !== undefined) throw new ConnectError("no", code);
    return {};
  });
  const tables = ["a", "b", "c"].map((datasetId) => ({ datasetId, variableName: `of_${datasetId}` }));
  const { left, gone } = await tablesLeft(tables);
  expect(left.map(({ datasetId }) => datasetId)).toEqual(["a", "c"]);
  expect(gone).toEqual([{ datasetId: "b", variableName: "of_b" }]);
});
