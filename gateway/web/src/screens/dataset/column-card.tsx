// A column at a glance: what it holds, what is missing, how it is spread.
import type { Column, ColumnSummary } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { count, figure, percent } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import { TypeIcon, useTypeName } from "./type-icon";

const TOP_SHOWN = 5;

export function ColumnCard({ column, rowCount }: { column: Column; rowCount: number }) {
  const t = useT();
  const typeName = useTypeName();
  const { summary } = column;
  return (
    <article className="col card" data-testid="column-card">
      <header className="row">
        <span className="col-type" aria-hidden><TypeIcon type={column.type} /></span>
        <h3 className="ellipsis grow" title={column.name}>{column.name}</h3>
        <span className="muted small" title={column.arrowType}>{typeName(column.type)}</span>
      </header>
      {column.originalName && <div className="muted small ellipsis">{t("dataset.wasNamed", { name: column.originalName })}</div>}
      {summary && <Spread summary={summary} rowCount={rowCount} />}
      {summary && <Figures summary={summary} rowCount={rowCount} />}
    </article>
  );
}

function Spread({ summary, rowCount }: { summary: ColumnSummary; rowCount: number }) {
  const t = useT();
  if (summary.histogram.length > 0) {
    const most = Math.max(...summary.histogram.map((bin) => Number(bin.count)), 1);
    return (
      <div className="histo" role="img" aria-label={t("dataset.histogram")}>
        {summary.histogram.map((bin, index) => (
          <div key={index} title={`${bin.lower} – ${bin.upper}: ${count(bin.count)}`}>
            <span style={{ height: `${Math.max(bin.count > 0n ? 3 : 0, (Number(bin.count) / most) * 100)}%` }} />
          </div>
        ))}
      </div>
    );
  }
  if (summary.topValues.length === 0) {
    const none = summary.distinctCount === 0n ? "dataset.noValues" : "dataset.noFrequent";
    return <div className="histo histo-none muted small">{t(none)}</div>;
  }
  return (
    <ol className="tops">
      {summary.topValues.slice(0, TOP_SHOWN).map((each) => (
        <li key={each.value} title={each.value}>
          <span className="tops-bar" style={{ width: `${(Number(each.count) / Math.max(1, rowCount)) * 100}%` }} />
          <span className="ellipsis grow">{each.value === "" ? t("dataset.emptyText") : each.value}</span>
          <span className="num muted">{count(each.count)}</span>
        </li>
      ))}
    </ol>
  );
}

function Figures({ summary, rowCount }: { summary: ColumnSummary; rowCount: number }) {
  const t = useT();
  const missing = Number(summary.missingCount) / Math.max(1, rowCount);
  const rows: [string, string][] = [
    [t("dataset.missing"), summary.missingCount === 0n ? "0" : `${count(summary.missingCount)} (${percent(missing)})`],
    [t("dataset.distinct"), `${summary.distinctEstimated ? "≈ " : ""}${count(summary.distinctCount)}`],
  ];
  if (summary.min !== undefined) rows.push([t("dataset.min"), summary.min]);
  if (summary.max !== undefined) rows.push([t("dataset.max"), summary.max]);
  if (summary.mean !== undefined) rows.push([t("dataset.mean"), figure(summary.mean)]);
  if (summary.standardDeviation !== undefined) rows.push([t("dataset.deviation"), figure(summary.standardDeviation)]);
  return (
    <dl className="figures num">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="ellipsis" title={value}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
