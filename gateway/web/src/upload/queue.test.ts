import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { uploads } from "./queue";
import { TusError } from "./tus";

const SIZE = 10;
const { service } = vi.hoisted(() => {
  vi.stubGlobal("window", { addEventListener: () => {}, removeEventListener: () => {} });
  return { service: { offsets: new Map<string, number>(), heads: 0, head: (): number => 0, cancelled: [] as string[] } };
});
vi.mock("./tus", async (original) => ({
  ...(await original<object>()),
  offsetOf: async (uploadId: string) => {
    service.heads++;
    const refusal = service.head();
    if (refusal !== 0 || !service.offsets.has(uploadId)) throw new TusError(refusal || 404, "");
    return service.offsets.get(uploadId);
  },
  createUpload: async () => {
    const id = `new ${service.offsets.size}`;
    service.offsets.set(id, 0);
    return id;
  },
  sendSlice: async (uploadId: string) => {
    service.offsets.set(uploadId, SIZE);
    return SIZE;
  },
  cancelUpload: async (uploadId: string) => void service.cancelled.push(uploadId),
}));

const file = { name: "t.csv", size: SIZE, lastModified: 1 } as File;
const key = `fenxi.upload.${SIZE}.1.t.csv`;
let kept: Map<string, string>;

beforeEach(() => {
  vi.useFakeTimers();
  kept = new Map([[key, "old"]]);
  vi.stubGlobal("document", { addEventListener: () => {}, removeEventListener: () => {}, visibilityState: "hidden" });
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, text: string) => kept.set(name, text),
    removeItem: (name: string) => kept.delete(name),
  });
  Object.assign(service, { offsets: new Map([["old", 7]]), heads: 0, head: () => 0, cancelled: [] });
});

afterEach(() => {
  for (const item of uploads.items) uploads.remove(item);
  vi.useRealTimers();
});

test("an upload is gone on with after an error that passes", async () => {
  service.head = () => (service.heads <= 2 ? 503 : 0);
  const [item] = uploads.add([file]);
  await vi.advanceTimersByTimeAsync(30_000);
  expect([item?.uploadId, item?.phase, [...service.offsets.keys()]]).toEqual(["old", "received", ["old"]]);
});

test("an upload that the service does not have any more begins anew", async () => {
  service.offsets.clear();
  const [item] = uploads.add([file]);
  await vi.advanceTimersByTimeAsync(100);
  expect([item?.uploadId, item?.phase, kept.get(key)]).toEqual(["new 0", "received", "new 0"]);
});

test("the same file chosen twice is two uploads, and taking one off leaves the other", async () => {
  const [first, second] = uploads.add([file, file]);
  await vi.advanceTimersByTimeAsync(100);
  expect([first?.uploadId, second?.uploadId]).toEqual(["old", "new 1"]);
  if (first) uploads.remove(first);
  await vi.advanceTimersByTimeAsync(100);
  expect([service.cancelled, kept.get(key), uploads.items]).toEqual([["old"], "new 1", [second]]);
});

test("a file that is there and no dataset yet is not left without a question", async () => {
  const [item] = uploads.add([file]);
  await vi.advanceTimersByTimeAsync(100);
  expect([item?.phase, uploads.unfinished, uploads.received]).toEqual(["received", true, [item]]);
  if (item) uploads.pause(item);
  expect(uploads.unfinished).toBe(true);
});

test("an upload that was begun elsewhere is taken up as it is, and removed from the service with its row", async () => {
  const item = uploads.takeUp("theirs", "t.csv", SIZE);
  await vi.advanceTimersByTimeAsync(100);
  expect([item.phase, item.sentBytes, uploads.has("theirs"), uploads.received]).toEqual(["received", SIZE, true, [item]]);
  expect(service.heads).toBe(0);
  uploads.remove(item);
  await vi.advanceTimersByTimeAsync(100);
  expect([service.cancelled, uploads.has("theirs"), kept.get(key)]).toEqual([["theirs"], false, "old"]);
});
