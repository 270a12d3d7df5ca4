// A year of days, darker where more was done.
import { useMemo } from "react";
import type { DayStatistics } from "../../gen/fenxi/history/v1/history_pb";
import { currentLanguage, useT } from "../../i18n/i18n";
import { ChartHead } from "./chart-head";
import { useChosenDay } from "./chosen-day";
import { dayLabel, weeks } from "./days";

const WEEKS = 53;
const LEVELS = 4;

export function Calendar({ days }: { days: DayStatistics[] }) {
  const t = useT();
  const language = currentLanguage();
  const known = useMemo(() => new Map(days.map((each) => [each.day, Number(each.total)])), [days]);
  const shown = useMemo(() => weeks(WEEKS), []);
  const past = shown.flat().filter((name) => name !== null);
  const { chosen, around, day } = useChosenDay(past.length, 7, 1);
  const said = useMemo(
    () => past.map((name) => `${dayLabel(name, true)}: ${t("stats.analyses", { n: known.get(name) ?? 0 })}`),
    // The days stay, their words are of the language.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
    [known, shown, language],
  );
  const most = Math.max(1, ...known.values());
  const level = (total: number) => (total === 0 ? 0 : Math.min(LEVELS, Math.ceil((Math.log1p(total) / Math.log1p(most)) * LEVELS)));
  return (
    <>
      <ChartHead title={t("stats.year")} said={said[chosen] ?? ""} />
      <div className="calendar-wrap">
        <div className="calendar" role="group" aria-label={t("stats.year")} data-testid="calendar" {...around}>
          {shown.map((week, column) => (
            <div key={column}>
              {week.map((name, weekday) => {
                if (name === null) return <span key={weekday} />;
                const at = column * 7 + weekday;
                return <button key={weekday} type="button" data-level={level(known.get(name) ?? 0)} aria-label={said[at]} {...day(at)} />;
              })}
            </div>
          ))}
        </div>
      </div>
    </>
  );
}
