import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { takePlace } from "./places";

/** Locks as a browser keeps them for all its tabs. */
function keepLocks() {
  const held = new Set<string>();
  const request = async (name: string, _: object, then: (free: object | null) => Promise<void> | undefined) => {
    if (held.has(name)) return then(null);
    held.add(name);
    await then({});
    held.delete(name);
  };
  vi.stubGlobal("navigator", { locks: { request } });
}

beforeEach(() => vi.stubGlobal("performance", { getEntriesByType: () => [] }));
afterEach(() => vi.unstubAllGlobals());

it("leaves two of a browser's six connections free, however many tabs there are", async () => {
  keepLocks();
  const places = [];
  for (let tab = 0; tab < 5; tab++) places.push(await takePlace("output"), await takePlace("kernel"));
  expect(places.map((place) => place !== null)).toEqual([true, true, true, false, true, false, false, false, false, false]);
  places[0]?.leave();
  await Promise.resolve();
  expect(await takePlace("output")).not.toBeNull();
  expect(await takePlace("output")).toBeNull();
});

it("gives a page that knows of no other one stream, that of the output while there is one", async () => {
  vi.stubGlobal("navigator", {});
  const kernel = await takePlace("kernel");
  expect(kernel?.lost.aborted).toBe(false);
  const output = await takePlace("output");
  expect(kernel?.lost.aborted).toBe(true);
  expect(await takePlace("kernel")).toBeNull();
  output?.leave();
  expect((await takePlace("kernel"))?.lost.aborted).toBe(false);
});

it("counts nothing where all streams share one connection", async () => {
  vi.stubGlobal("performance", { getEntriesByType: () => [{ nextHopProtocol: "h2" }] });
  keepLocks();
  for (let tab = 0; tab < 5; tab++) expect(await takePlace("kernel")).not.toBeNull();
});
