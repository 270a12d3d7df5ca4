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
import { useStartKernel } from "./start";

/** Tables that one kernel may hold. */
const TABLES_MAX = 20;

export function NewAnalysis({ open, onClose }: { open: boolean; onClose(): void }) {
  const t = useT();
  const upload = useUpload();
  const start = useStartKernel();
  const [query, setQuery] = useState("");
  const [name, setName] = useState("");
  const [picked, setPicked] = useState<Dataset[]>([]);
  const [kind, setKind] = useState("");
  const { specs: kinds, error: kindsError, refetch: refetchKinds } = useKernelSpecs(open);
  const withoutTables = kinds.some((each) => each.name === kind && !each.loadsTables);
  const tables = withoutTables ? [] : picked;
  const wanted = useDebounced(query.trim());
  const { data, error, refetch } = useQuery(DatasetService.method.listDatasets, { query: wanted, pageSize: 50 }, { enabled: open });
  const has = (dataset: Dataset) => picked.some((each) => each.datasetId === dataset.datasetId);
  const toggle = (dataset: Dataset) =>
    setPicked(has(dataset) ? picked.filter((each) => each.datasetId !== dataset.datasetId) : [...picked, dataset].slice(0, TABLES_MAX));
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
          <Button variant="primary" icon={<Play />} busy={start.busy} onClick={() => void start.run(tables, name.trim(), kind)}>
            {tables.length === 0 ? t("home.startEmpty") : t("home.startWith", { n: tables.length })}
          </Button>
        </>
      }
    >
      <div className="stack">
        <Field label={t("home.analysisName")} value={name} maxLength={200} placeholder={tables[0]?.name ?? t("notebook.untitled")} onChange={(event) => setName(event.target.value)} />
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
            {data.datasets.map((dataset) => (
              <label key={dataset.datasetId} className="list-row list-row-link">
                <input type="checkbox" checked={has(dataset)} onChange={() => toggle(dataset)} />
                <span className="grow dataset-link">
                  <span className="ellipsis">{dataset.name}</span>
                  <span className="muted small num">{t("dataset.rows", { n: dataset.rowCount })} · {bytes(dataset.sizeBytes)}</span>
                </span>
                <span className="badge mono">{dataset.variableName}</span>
              </label>
            ))}
            {data.datasets.length === 0 && <p className="muted card-pad">{t(wanted ? "common.noMatch" : "datasets.none")}</p>}
          </div>
        )}
      </div>
    </Dialog>
  );
}
