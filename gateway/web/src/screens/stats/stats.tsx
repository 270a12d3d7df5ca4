// What the person did, in sums and day by day.
import { useQuery } from "@connectrpc/connect-query";
import { ChartNoAxesColumn } from "lucide-react";
import { HistoryService, type Statistics } from "../../gen/fenxi/history/v1/history_pb";
import { ago, count, durationMs, percent, span } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import { PageHead } from "../../shell/shell";
import { Empty, Failed, Skeleton, Stale } from "../../ui/states";
import { Calendar } from "./calendar";
import { DayBars } from "./day-bars";
import "./stats.css";

export function StatsScreen() {
  const t = useT();
  const query = useQuery(HistoryService.method.getStatistics, {});
  const { data, error, refetch } = query;
  return (
    <div className="screen">
      <PageHead title={t("nav.stats")} sub={t("stats.lead")} />
      {error && !data ? (
        <div className="card"><Failed error={error} onRetry={() => void refetch()} /></div>
      ) : !data?.statistics ? (
        <div className="card"><Skeleton rows={6} height={40} /></div>
      ) : data.statistics.total === 0n ? (
        <div className="card"><Empty icon={<ChartNoAxesColumn />} title={t("stats.none")} text={t("stats.noneText")} /></div>
      ) : (
        <Figures statistics={data.statistics} />
      )}
      {data && <Stale query={query} />}
    </div>
  );
}

function Figures({ statistics }: { statistics: Statistics }) {
  const t = useT();
  const meanMs = durationMs(statistics.meanExecutionDuration);
  const notRun = statistics.total - statistics.succeeded - statistics.failed;
  const others = [t("stats.failed", { n: statistics.failed }), notRun > 0n && t("stats.notRun", { n: notRun })];
  const tiles: { name: string; value: string; note?: string }[] = [
    { name: t("stats.total"), value: count(statistics.total), note: others.filter(Boolean).join(" · ") },
    { name: t("stats.successRate"), value: percent(statistics.successRate), note: t("stats.succeeded", { n: statistics.succeeded }) },
    { name: t("stats.mean"), value: meanMs === null ? "–" : span(meanMs) },
    { name: t("stats.datasets"), value: count(statistics.datasets) },
    { name: t("stats.activeDays"), value: count(statistics.activeDays), note: t("stats.last", { when: ago(statistics.lastActivityTime) }) },
  ];
  return (
    <>
      <div className="tiles" data-testid="statistics">
        {tiles.map((tile) => (
          <div key={tile.name} className="card tile">
            <div className="muted">{tile.name}</div>
            <div className="tile-value num">{tile.value}</div>
            <div className="muted small num">{tile.note ?? "\u00a0"}</div>
          </div>
        ))}
      </div>
      <section className="card card-pad stack">
        <DayBars days={statistics.days} />
      </section>
      <section className="card card-pad stack">
        <Calendar days={statistics.days} />
      </section>
    </>
  );
}
