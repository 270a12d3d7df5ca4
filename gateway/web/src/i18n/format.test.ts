import { expect, test, vi } from "vitest";
import { clock, figure, moment, roughSpan, span } from "./format";
import { setLanguage } from "./i18n";

const timestamp = (date: Date) => ({ seconds: BigInt(Math.floor(date.getTime() / 1000)), nanos: 0, $typeName: "google.protobuf.Timestamp" as const });

test("the hour after midnight is hour 0", () => {
  const time = timestamp(new Date(2026, 0, 31, 0, 10));
  expect(clock(time)).toBe("00:10");
  expect(moment(time)).toMatch(/\b00:10$/);
});

test("guessed spans are round", () => {
  expect([0, -5, 400, 44_100, 59_400, 90_000, 3_600_000, 5_400_000].map(roughSpan)).toEqual(["0 s", "0 s", "1 s", "45 s", "1 min", "2 min", "1 h 0 min", "1 h 30 min"]);
});

test("spans are written in the language of the page", () => {
  const some = () => [340, 2100, 185_000, 7_440_000].map(span).concat(roughSpan(180_000));
  expect(some()).toEqual(["340 ms", "2.1 s", "3 min 5 s", "2 h 4 min", "3 min"]);
  vi.stubGlobal("document", { documentElement: {} });
  setLanguage("zh-CN");
  expect(some()).toEqual(["340 毫秒", "2.1 秒", "3 分 5 秒", "2 小时 4 分钟", "3 分钟"]);
  setLanguage("en");
  vi.unstubAllGlobals();
});

test("a figure has every digit before its point", () => {
  const shown = [12_345_759.4666, 13_800_138_000, 1_234.567, 3.14159265, 0.5, -98_765_432.1, 1.5e15];
  expect(shown.map(figure)).toEqual(["12,345,759.47", "13,800,138,000", "1,234.57", "3.14159", "0.5", "-98,765,432.1", "1.500e+15"]);
});
