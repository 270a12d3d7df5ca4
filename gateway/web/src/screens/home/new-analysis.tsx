// Chooses the tables of a new analysis, and the names they get in Python.
import { useQuery } from "@connectrpc/connect-query";
import { Play, Upload } from "lucide-react";
import { useState } from "react";
import { DatasetService, type Dataset } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { errorText } from "../../api/errors";
import { bytes } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import { Button } from "../../ui/button";
import { useDebounced } from "../../ui/debounced";
import { Dialog } from "../../ui/dialog";
import { Field, SearchInput, Select } from "../../ui/field";
import { Failed, Skeleton } from "../../ui/states";
import { useUpload } from "../../upload/provider";
import { useKernelSpecs } from "./kernel-spec";
import { originWith, TABLES_MAX, useStart } from "./start";

/** Tables that are listed. */
const LISTED_MAX = 50;

export function NewAnalysis({ open, onClose }: { open: boolean; onClose(): void }) {
  const t = useT();
  const upload = useUpload();
  const { busy, start } = useStart(open);
  const [query, setQuery] = useState("");
  const [name, setName] = useState("");
  const [picked, setPicked] = useState<Dataset[]>([]);
  const [kind, setKind] = useState("");
  const { specs: kinds, error: kindsError, refetch: refetchKinds } = useKernelSpecs(open);
  const withoutTables = kinds.some((each) => each.name === kind && !each.loadsTables);
  const tables = withoutTables ? [] : picked;
  const wanted = useDebounced(query.trim());
  const { data, error, refetch } = useQuery(DatasetService.method.listDatasets, { query: wanted, pageSize: LISTED_MAX }, { enabled: open });
  const has = (dataset: Dataset) => picked.some((each) => each.datasetId === dataset.datasetId);
  const toggle = (dataset: Dataset) =>
    setPicked(has(dataset) ? picked.filter((each) => each.datasetId !== dataset.datasetId) : [...picked, dataset]);
  // As the service names what is given no name: a table alone is `df`.
  const nameOf = (dataset: Dataset) => (picked.length === 1 && has(dataset) ? "df" : dataset.variableName);
  const full = picked.length >= TABLES_MAX;
  // What was picked is in sight whatever is searched for, and can be given up even if it is gone meanwhile.
  const listed = data?.datasets ?? [];
  const shown = [...picked.filter((each) => !listed.some(({ datasetId }) => datasetId === each.datasetId)), ...listed];
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={t("home.newAnalysis")}
      description={t(withoutTables ? "home.kernelSpecWithoutTables" : "home.pickTables")}
      testId="new-analysis-dialog"
      footer={
        <>
          <Button icon={<Upload />} onClick={() => {
            onClose();
            upload.open();
          }}>{t("upload.title")}</Button>
          <Button variant="primary" icon={<Play />} busy={busy} onClick={() => void start(originWith(tables, name.trim(), kind))}>
            {tables.length === 0 ? t("home.startEmpty") : t("home.startWith", { n: tables.length })}
          </Button>
        </>
      }
    >
      <div className="stack">
        <Field label={t("home.analysisName")} value={name} maxLength={200} placeholder={tables.map((each) => each.name).join(" + ").slice(0, 200) || t("notebook.untitled")} onChange={(event) => setName(event.target.value)} />
        {kinds.length > 1 && (
          <Select label={t("home.kernelSpec")} value={kind} onChange={(event) => setKind(event.target.value)} data-testid="kernel-spec">
            {kinds.map((each, index) => (
              <option key={each.name} value={index === 0 ? "" : each.name}>{each.displayName}</option>
            ))}
          </Select>
        )}
        {kindsError && (
          <div className="notice notice-warn" role="alert" data-testid="kernel-spec-failed">
            <span className="grow">{t("home.kernelSpecsFailed")} {errorText(kindsError)}</span>
            <Button size="s" onClick={() => void refetchKinds()}>{t("common.retry")}</Button>
          </div>
        )}
        {!withoutTables && <SearchInput label={t("datasets.search")} value={query} onChange={setQuery} />}
        {withoutTables ? null : error ? <Failed error={error} onRetry={() => void refetch()} /> : !data ? <Skeleton rows={3} height={30} /> : (
          <div className="list pick-list">
            {shown.map((dataset) => (
              <label key={dataset.datasetId} className="list-row list-row-link">
                <input type="checkbox" checked={has(dataset)} disabled={full && !has(dataset)} onChange={() => toggle(dataset)} />
                <span className="grow dataset-link">
                  <span className="ellipsis">{dataset.name}</span>
                  <span className="muted small num">{t("dataset.rows", { n: dataset.rowCount })} · {bytes(dataset.sizeBytes)}</span>
                </span>
                <span className="badge mono ellipsis pick-variable">{nameOf(dataset)}</span>
              </label>
            ))}
            {listed.length === 0 && <p className="muted card-pad">{t(wanted ? "common.noMatch" : "datasets.none")}</p>}
          </div>
        )}
        {full && <p className="muted small" role="status">{t("home.tablesMax", { n: TABLES_MAX })}</p>}
        {!withoutTables && data?.nextPageToken && <p className="muted small">{t("home.moreTables", { n: LISTED_MAX })}</p>}
      </div>
    </Dialog>
  );
}
