// The last thirty days as bars: what succeeded, and on top of it what did not.
import type { DayStatistics } from "../../gen/fenxi/history/v1/history_pb";
import { currentLanguage, useT } from "../../i18n/i18n";
import { lastDays } from "./days";

const DAYS = 30;

export function DayBars({ days }: { days: DayStatistics[] }) {
  const t = useT();
  const known = new Map(days.map((day) => [day.day, day]));
  const bars = lastDays(DAYS).map((day) => {
    const total = Number(known.get(day)?.total ?? 0n);
    const succeeded = Number(known.get(day)?.succeeded ?? 0n);
    return { day, total, succeeded, failed: total - succeeded };
  });
  const most = Math.max(4, ...bars.map((bar) => bar.total));
  const label = (day: string) => new Date(`${day}T00:00Z`).toLocaleDateString(currentLanguage(), { month: "short", day: "numeric", timeZone: "UTC" });
  return (
    <div>
      <div className="bars" role="img" aria-label={t("stats.days30")}>
        {bars.map((bar) => (
          <div key={bar.day} className="bar" title={`${label(bar.day)}: ${t("stats.dayTip", { n: bar.total, failed: bar.failed })}`}>
            <span className="bar-failed" style={{ height: `${(bar.failed / most) * 100}%` }} />
            <span className="bar-good" style={{ height: `${(bar.succeeded / most) * 100}%` }} />
          </div>
        ))}
      </div>
      <div className="bars-axis muted small num" aria-hidden>
        {[0, 7, 14, 21, 29].map((index) => <span key={index}>{label(bars[index]?.day ?? "")}</span>)}
      </div>
      <div className="row small muted legend">
        <span className="swatch bar-good" />{t("outcome.ok")}
        <span className="swatch bar-failed" />{t("stats.notOk")}
      </div>
    </div>
  );
}
