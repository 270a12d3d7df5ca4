// Sizes, times and spans as a person reads them, in the page's language.
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { currentLanguage, translate } from "./i18n";

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** Bytes in steps of 1024: `1.4 MB`. */
export function bytes(value: bigint | number): string {
  let amount = Number(value);
  let unit = 0;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  const digits = unit === 0 || amount >= 100 ? 0 : 1;
  return `${amount.toLocaleString(currentLanguage(), { maximumFractionDigits: digits })} ${UNITS[unit]}`;
}

export function count(value: bigint | number): string {
  return value.toLocaleString(currentLanguage());
}

export function toMs(time: Timestamp | undefined): number | null {
  return time ? Number(time.seconds) * 1000 + time.nanos / 1e6 : null;
}

export function durationMs(duration: Duration | undefined): number | null {
  return duration ? Number(duration.seconds) * 1000 + duration.nanos / 1e6 : null;
}

/** A span: `340 ms`, `2.1 s`, `3 min 5 s`, `2 h 4 min`. */
export function span(ms: number): string {
  if (ms < 1000) return translate("time.ms", { ms: Math.max(0, Math.round(ms)) });
  const seconds = ms / 1000;
  if (seconds < 60) return translate("time.seconds", { s: seconds.toFixed(1) });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return translate("time.minutesSeconds", { min: minutes, s: Math.floor(seconds % 60) });
  return hours(minutes);
}

/** A span that is only guessed, or that runs down: `45 s`, `3 min`, `2 h 4 min`. */
export function roughSpan(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds < 60) return translate("time.seconds", { s: seconds });
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? translate("time.minutes", { min: minutes }) : hours(minutes);
}

function hours(minutes: number): string {
  return translate("time.hours", { h: Math.floor(minutes / 60), min: minutes % 60 });
}

/** The time of day. */
export function clock(time: Timestamp | undefined): string {
  const ms = toMs(time);
  if (ms === null) return "–";
  return new Date(ms).toLocaleTimeString(currentLanguage(), { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** A moment in full. */
export function moment(time: Timestamp | undefined): string {
  const ms = toMs(time);
  if (ms === null) return "–";
  return new Date(ms).toLocaleString(currentLanguage(), {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
}

/** A moment by its distance from now, in full after a week. */
export function ago(time: Timestamp | undefined, nowMs = Date.now()): string {
  const ms = toMs(time);
  if (ms === null) return "–";
  const seconds = (nowMs - ms) / 1000;
  if (seconds < 45 && seconds > -45) return translate("time.now");
  const relative = new Intl.RelativeTimeFormat(currentLanguage(), { numeric: "auto" });
  const steps: [number, Intl.RelativeTimeFormatUnit][] = [[60, "minute"], [3600, "hour"], [86_400, "day"]];
  const [size, unit] = Math.abs(seconds) < 3600 ? steps[0]! : Math.abs(seconds) < 86_400 ? steps[1]! : steps[2]!;
  if (Math.abs(seconds) > 7 * 86_400) return moment(time);
  return relative.format(-Math.round(seconds / size), unit);
}

/** A number of a summary: short, but true. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e12 || size < 1e-4)) return value.toExponential(3);
  // Never a zero in the place of a digit that is known: only the fraction is cut.
  return value.toLocaleString(currentLanguage(), size < 1_000 ? { maximumSignificantDigits: 6 } : { maximumFractionDigits: 2 });
}

export function percent(ratio: number): string {
  // What is there is not to look like nothing.
  if (ratio > 0 && ratio < 0.001) return `<${percent(0.001)}`;
  return ratio.toLocaleString(currentLanguage(), { style: "percent", maximumFractionDigits: 1 });
}
