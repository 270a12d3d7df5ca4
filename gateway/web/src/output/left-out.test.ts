import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { setLanguage } from "../i18n/i18n";
import { leftOutText } from "./left-out";

beforeAll(() => {
  vi.stubGlobal("localStorage", { setItem: () => {} });
  vi.stubGlobal("document", { documentElement: {} });
});
afterAll(() => {
  setLanguage("en");
  vi.unstubAllGlobals();
});

const cut = (limitBytes: bigint) => leftOutText({ keptBytes: 3n << 20n, droppedBytes: 5n << 20n, limitBytes });

test("what a limit has cut says what is kept, what is not, and that the rest is nowhere", () => {
  setLanguage("en");
  expect(cut(64n << 20n)).toBe("5 MB of output were left out here and are kept nowhere. Of this run, 3 MB before this place are kept; the limit is 64 MB.");
  setLanguage("zh-CN");
  expect(cut(64n << 20n)).toBe("此处省略了 5 MB 的输出，未在任何地方保存。本次运行在此之前已保留 3 MB，上限为 64 MB。");
});

test("what was lost names no limit", () => {
  setLanguage("en");
  expect(cut(0n)).toBe("5 MB of output are lost here: they could not be kept.");
});
