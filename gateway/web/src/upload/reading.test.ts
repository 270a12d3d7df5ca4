import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test, vi } from "vitest";
import { DatasetSchema } from "../gen/fenxi/analysis/v1/dataset_pb";
import { makeAll, makeDataset } from "./make";
import { uploads, type UploadItem } from "./queue";
import { choose, mayMake, newReading, openOf, previewRows } from "./reading";

const { calls, service } = vi.hoisted(() => {
  vi.stubGlobal("window", { addEventListener: () => {}, removeEventListener: () => {} });
  vi.stubGlobal("localStorage", { getItem: () => null });
  const list: { name: string; requestId: string; options: { sheet: string } }[] = [];
  return { calls: list, service: { answer: async (): Promise<unknown> => ({}) } };
});
vi.mock("../api/transport", () => ({ datasets: { completeUpload: (call: never) => (calls.push(call), service.answer()) } }));

const file = { name: "sales.2025.csv", size: 1_000_000 } as File;
const item = (part: Partial<UploadItem>) => ({ file, name: file.name, size: file.size, phase: "received", sentBytes: 0, uploadId: "u", reading: newReading(file.name), ...part }) as UploadItem;

test("the preview of a beginning is no preview of the whole", () => {
  const rows = ([phase, sentBytes]: [UploadItem["phase"], number], name = file.name) => previewRows(item({ phase, sentBytes, name }));
  expect(rows(["sending", 1_000])).toBe(0);
  expect(rows(["sending", 100_000], "t.xlsx")).toBe(0);
  const beginning = rows(["sending", 100_000]);
  expect(beginning).toBeGreaterThan(0);
  expect(rows(["received", 1_000_000])).toBeGreaterThan(beginning);
  expect(rows(["received", 1_000], "t.xlsx")).toBeGreaterThan(0);
});

test("a file that could not be looked at may be a dataset, one that cannot be read may not", () => {
  expect(mayMake(item({}), null)).toBe(true);
  expect(mayMake(item({}), new ConnectError("busy", Code.Unavailable))).toBe(true);
  expect(mayMake(item({}), new ConnectError("not a table", Code.InvalidArgument))).toBe(false);
  expect(mayMake(item({ phase: "sending" }), null)).toBe(false);
});

test("choices are the upload's: they outlive a failure, which another choice forgets", async () => {
  const chosen = item({});
  expect(chosen.reading.name).toBe("sales.2025");
  choose(chosen.reading, { sheet: "2025" });
  let fail: (error: unknown) => void = () => {};
  service.answer = () => new Promise((_, reject) => (fail = reject));
  const making = makeDataset(chosen);
  expect([chosen.reading.busy, await makeDataset(chosen)]).toEqual([true, null]);
  fail(new ConnectError("no", Code.Unavailable));
  expect(await making).toBeNull();
  expect([chosen.reading.busy, chosen.reading.error instanceof ConnectError]).toEqual([false, true]);
  choose(chosen.reading, { delimiter: ";" });
  expect([chosen.reading.error, chosen.reading.options.sheet]).toEqual([null, "2025"]);
  const dataset = create(DatasetSchema, { datasetId: "d" });
  service.answer = async () => ({ dataset });
  expect(await makeDataset(chosen)).toBe(dataset);
  expect([chosen.phase, chosen.dataset]).toEqual(["done", dataset]);
  expect(calls.map((call) => call.options.sheet)).toEqual(["2025", "2025"]);
  expect(calls[0]?.requestId).not.toBe(calls[1]?.requestId);
});

test("the next file is open once one is done, unless a person closed it", () => {
  const items = (["done", "failed", "received", "sending"] as const).map((phase, id) => ({ id, phase }));
  expect(openOf(items, null)).toBe(2);
  expect(openOf(items, 0)).toBe(2);
  expect(openOf(items, 3)).toBe(3);
  expect(openOf(items, 1)).toBe(1);
  expect(openOf(items, "none")).toBe(null);
  expect(openOf(items.slice(0, 2), 0)).toBe(null);
});

test("datasets are made of all files at once, and one that cannot be read stays and says why", async () => {
  calls.length = 0;
  const files = ["a", "b", "c"].map((name, id) => item({ id, reading: newReading(name) }));
  uploads.items = files;
  service.answer = async () => {
    if (calls.length === 2) throw new ConnectError("no", Code.InvalidArgument);
    return { dataset: create(DatasetSchema) };
  };
  await makeAll();
  expect(calls.map(({ name }) => name)).toEqual(["a", "b", "c"]);
  expect(files.map(({ phase }) => phase)).toEqual(["done", "received", "done"]);
  expect(files.map(({ reading }) => reading.error !== null)).toEqual([false, true, false]);
  uploads.items = [];
});
