import { afterEach, expect, test, vi } from "vitest";
import { keep, kept } from "./kept";

afterEach(() => vi.unstubAllGlobals());

function stubStorage(name: string): void {
  const held = new Map<string, string>();
  vi.stubGlobal(name, {
    getItem: (key: string) => held.get(key) ?? null,
    setItem: (key: string, text: string) => held.set(key, text),
    removeItem: (key: string) => held.delete(key),
  });
}

test("what is kept is there again, until it is forgotten, each in its place", () => {
  stubStorage("localStorage");
  stubStorage("sessionStorage");
  keep("a", "1");
  keep("a", "of the tab", "sessionStorage");
  expect(kept("a")).toBe("1");
  expect(kept("a", "sessionStorage")).toBe("of the tab");
  keep("a", null);
  expect(kept("a")).toBeNull();
  expect(kept("a", "sessionStorage")).toBe("of the tab");
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
