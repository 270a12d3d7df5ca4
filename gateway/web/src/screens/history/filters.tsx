// What of the history is shown: chosen by a person, and kept in the address.
import { useQuery } from "@connectrpc/connect-query";
import { useSearchParams } from "wouter";
import { isNotFound } from "../../api/errors";
import { DatasetService } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { useT } from "../../i18n/i18n";
import { Button } from "../../ui/button";
import { useFocusReturn } from "../../ui/focus-return";
import { OUTCOMES } from "./outcome";

const SPANS_DAYS = [1, 7, 30, 365];

export interface Filters {
  query: string;
  outcome: number;
  datasetId: string;
  days: number;
  deleted: boolean;
}

/** Whether deleted ones are shown, or the others, is no filter: it is which of two lists a person is in. */
export const NO_FILTERS = { query: "", outcome: 0, datasetId: "", days: 0 };

export const isFiltered = ({ query, outcome, datasetId, days }: Filters) => query !== "" || outcome > 0 || datasetId !== "" || days > 0;

/** Filters live in the address, so that a link or the back button brings them along. */
export function useFilters(): [Filters, (part: Partial<Filters>) => void] {
  const [search, setSearch] = useSearchParams();
  const filters: Filters = {
    query: search.get("q") ?? "",
    outcome: Number(search.get("outcome") ?? 0) || 0,
    datasetId: search.get("dataset") ?? "",
    days: Number(search.get("days") ?? 0) || 0,
    deleted: search.get("deleted") === "1",
  };
  const change = (part: Partial<Filters>) => {
    const next = { ...filters, ...part };
    const entries: [string, string][] = [
      ["q", next.query], ["outcome", String(next.outcome || "")], ["dataset", next.datasetId],
      ["days", String(next.days || "")], ["deleted", next.deleted ? "1" : ""],
    ];
    setSearch(new URLSearchParams(entries.filter(([, value]) => value !== "")), { replace: true });
  };
  return [filters, change];
}

interface ChoicesProps {
  filters: Filters;
  onChange(part: Partial<Filters>): void;
  onClear(): void;
}

export function FilterChoices({ filters, onChange, onClear }: ChoicesProps) {
  const t = useT();
  const { data } = useQuery(DatasetService.method.listDatasets, { pageSize: 100 }, { staleTime: 60_000 });
  const { datasetId } = filters;
  // One that is not in the list may be an older one, or deleted: what was run with it is still found.
  const unlisted = datasetId !== "" && data !== undefined && data.datasets.every((dataset) => dataset.datasetId !== datasetId);
  const { data: other, error } = useQuery(DatasetService.method.getDataset, { datasetId }, { enabled: unlisted, staleTime: 60_000 });
  return (
    <div className="history-filters">
      <select className="select" aria-label={t("history.byOutcome")} value={filters.outcome} onChange={(event) => onChange({ outcome: Number(event.target.value) })}>
        <option value={0}>{t("history.anyOutcome")}</option>
        {Object.entries(OUTCOMES).map(([value, look]) => <option key={value} value={value}>{t(look.key)}</option>)}
      </select>
      <select className="select" aria-label={t("history.byDataset")} value={filters.datasetId} onChange={(event) => onChange({ datasetId: event.target.value })}>
        <option value="">{t("history.anyDataset")}</option>
        {data?.datasets.map((dataset) => <option key={dataset.datasetId} value={dataset.datasetId}>{dataset.name}</option>)}
        {unlisted && <option value={datasetId}>{error && isNotFound(error) ? t("history.deletedDataset") : (other?.dataset?.name ?? "…")}</option>}
      </select>
      <select className="select" aria-label={t("history.byTime")} value={filters.days} onChange={(event) => onChange({ days: Number(event.target.value) })}>
        <option value={0}>{t("history.anyTime")}</option>
        {SPANS_DAYS.map((days) => <option key={days} value={days}>{t("history.lastDays", { n: days })}</option>)}
      </select>
      <label className="row small">
        <input type="checkbox" checked={filters.deleted} onChange={(event) => onChange({ deleted: event.target.checked })} />
        {t("history.showDeleted")}
      </label>
      {isFiltered(filters) && <ClearFilters onClear={onClear} />}
    </div>
  );
}

function ClearFilters({ onClear }: { onClear(): void }) {
  const t = useT();
  const pressed = useFocusReturn(() => document.querySelector<HTMLElement>(".history-tools input")?.focus());
  const clear = () => {
    pressed();
    onClear();
  };
  return <Button size="s" onClick={clear}>{t("history.clearFilters")}</Button>;
}
