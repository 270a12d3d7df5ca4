import { afterEach, expect, test, vi } from "vitest";
import { keep, kept } from "./kept";

afterEach(() => vi.unstubAllGlobals());

test("what is kept is there again, until it is forgotten", () => {
  const held = new Map<string, string>();
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => held.get(key) ?? null,
    setItem: (key: string, text: string) => held.set(key, text),
    removeItem: (key: string) => held.delete(key),
  });
  keep("a", "1");
  expect(kept("a")).toBe("1");
  keep("a", null);
  expect(kept("a")).toBeNull();
});

test("a browser that keeps nothing breaks nothing", () => {
  const refuse = () => {
    throw new Error("QuotaExceededError");
  };
  vi.stubGlobal("localStorage", { getItem: refuse, setItem: refuse, removeItem: refuse });
  keep("a", "1");
  keep("a", null);
  expect(kept("a")).toBeNull();
  vi.stubGlobal("localStorage", undefined);
  expect(kept("a")).toBeNull();
});
