// Days in UTC, as the statistics count them.

import type { DayStatistics } from "../../gen/fenxi/history/v1/history_pb";
import { currentLanguage } from "../../i18n/i18n";

const DAY_MS = 86_400_000;

export function dayName(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** As a person calls it. */
export function dayLabel(day: string, withYear = false): string {
  const parts: Intl.DateTimeFormatOptions = { month: "short", day: "numeric", timeZone: "UTC" };
  if (withYear) parts.year = "numeric";
  return new Date(`${day}T00:00Z`).toLocaleDateString(currentLanguage(), parts);
}

/** How a day's analyses ended: one that never ran has neither succeeded nor failed. */
export function ends(day: Pick<DayStatistics, "total" | "succeeded" | "failed"> | undefined) {
  const [total, succeeded, failed] = [Number(day?.total ?? 0n), Number(day?.succeeded ?? 0n), Number(day?.failed ?? 0n)];
  return { total, succeeded, failed, notRun: Math.max(0, total - succeeded - failed) };
}

/** The last `count` days up to today, oldest first. */
export function lastDays(count: number, nowMs = Date.now()): string[] {
  return Array.from({ length: count }, (_, index) => dayName(nowMs - (count - 1 - index) * DAY_MS));
}

/** Days of whole weeks (from Monday) that end with today's, oldest first; days to come are null. */
export function weeks(count: number, nowMs = Date.now()): (string | null)[][] {
  const weekday = (new Date(nowMs).getUTCDay() + 6) % 7;
  const monday = nowMs - weekday * DAY_MS;
  return Array.from({ length: count }, (_, week) =>
    Array.from({ length: 7 }, (_unused, day) => {
      const ms = monday - (count - 1 - week) * 7 * DAY_MS + day * DAY_MS;
      return ms > nowMs ? null : dayName(ms);
    }),
  );
}
