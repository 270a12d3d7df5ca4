// A year of days, darker where more was done.
import type { DayStatistics } from "../../gen/fenxi/history/v1/history_pb";
import { useT } from "../../i18n/i18n";
import { weeks } from "./days";

const WEEKS = 53;
const LEVELS = 4;

export function Calendar({ days }: { days: DayStatistics[] }) {
  const t = useT();
  const known = new Map(days.map((day) => [day.day, Number(day.total)]));
  const most = Math.max(1, ...known.values());
  const level = (total: number) => (total === 0 ? 0 : Math.min(LEVELS, Math.ceil((Math.log1p(total) / Math.log1p(most)) * LEVELS)));
  return (
    <div className="calendar-wrap">
      <div className="calendar" role="img" aria-label={t("stats.year")}>
        {weeks(WEEKS).map((week, index) => (
          <div key={index}>
            {week.map((day, weekday) => {
              const total = day ? (known.get(day) ?? 0) : 0;
              return <span key={weekday} data-level={day ? level(total) : "none"} title={day ? `${day}: ${t("stats.analyses", { n: total })}` : undefined} />;
            })}
          </div>
        ))}
      </div>
    </div>
  );
}
