// The last thirty days as bars: what succeeded, on top of it what failed, and on top of that what never ran.
import type { DayStatistics } from "../../gen/fenxi/history/v1/history_pb";
import { useT } from "../../i18n/i18n";
import { ChartHead } from "./chart-head";
import { useChosenDay } from "./chosen-day";
import { dayLabel, ends, lastDays } from "./days";

const DAYS = 30;

export function DayBars({ days }: { days: DayStatistics[] }) {
  const t = useT();
  const { chosen, around, day } = useChosenDay(DAYS, 1, 0);
  const known = new Map(days.map((each) => [each.day, each]));
  const bars = lastDays(DAYS).map((name) => {
    const parts = ends(known.get(name));
    const said = t(parts.notRun > 0 ? "stats.dayTipNotRun" : "stats.dayTip", { n: parts.total, ...parts });
    return { name, ...parts, said: `${dayLabel(name)}: ${said}` };
  });
  const most = Math.max(4, ...bars.map((bar) => bar.total));
  return (
    <>
      <ChartHead title={t("stats.days30")} said={bars[chosen]?.said ?? ""} />
      <div>
        <div className="bars" role="group" aria-label={t("stats.days30")} data-testid="bars" {...around}>
          {bars.map((bar, at) => (
            <button key={bar.name} type="button" className="bar" aria-label={bar.said} {...day(at)}>
              <span className="bar-idle" style={{ height: `${(bar.notRun / most) * 100}%` }} />
              <span className="bar-failed" style={{ height: `${(bar.failed / most) * 100}%` }} />
              <span className="bar-good" style={{ height: `${(bar.succeeded / most) * 100}%` }} />
            </button>
          ))}
        </div>
        <div className="bars-axis muted small num" aria-hidden>
          {[0, 7, 14, 21, 29].map((at) => <span key={at}>{dayLabel(bars[at]?.name ?? "")}</span>)}
        </div>
        <div className="row small muted legend">
          <span className="swatch bar-good" />{t("outcome.ok")}
          <span className="swatch bar-failed" />{t("stats.notOk")}
          {bars.some((bar) => bar.notRun > 0) && <><span className="swatch bar-idle" />{t("stats.notRunName")}</>}
        </div>
      </div>
    </>
  );
}
