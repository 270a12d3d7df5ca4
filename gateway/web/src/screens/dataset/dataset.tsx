// One dataset: its cells, its columns, how it was read, and what can be done with it.
import { useQuery } from "@connectrpc/connect-query";
import { Download, Pencil, Play, SearchX, Table2, Trash2 } from "lucide-react";
import { Tabs } from "radix-ui";
import { useState, type ReactNode } from "react";
import { useLocation } from "wouter";
import { isNotFound } from "../../api/errors";
import { datasets } from "../../api/transport";
import { DatasetService, type Dataset } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { bytes, count, moment } from "../../i18n/format";
import { WORDS as FILE_WORDS } from "../../i18n/file-words";
import { currentLanguage, fill, useT } from "../../i18n/i18n";
import { FileCut, gather } from "../../notebook/files";
import { saveBlob } from "../../output/content";
import { PageHead } from "../../shell/shell";
import { Button, IconButton, LinkButton } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { SearchInput } from "../../ui/field";
import { Empty, Failed, Skeleton, Stale } from "../../ui/states";
import { TableWarnings } from "../../ui/table-warnings";
import { toast, toastError } from "../../ui/toast";
import { useDeleteDataset } from "../datasets/actions";
import { RenameDataset } from "../datasets/rename";
import { originWith, useStart } from "../home/start";
import { ColumnCard } from "./column-card";
import { Grid } from "./grid";
import "./dataset.css";

export function DatasetScreen({ datasetId }: { datasetId: string }) {
  const t = useT();
  const query = useQuery(DatasetService.method.getDataset, { datasetId }, { staleTime: 60_000 });
  const { data, error, refetch } = query;
  if (error && isNotFound(error)) {
    return (
      <Empty icon={<SearchX />} title={t("dataset.gone")} text={t("dataset.goneText")}>
        <LinkButton href="/datasets">{t("nav.datasets")}</LinkButton>
      </Empty>
    );
  }
  if (!data?.dataset) {
    return error ? <Failed error={error} onRetry={() => void refetch()} /> : <div className="screen"><Skeleton rows={8} height={28} /></div>;
  }
  return <Loaded dataset={data.dataset} stale={<Stale query={query} />} />;
}

function Loaded({ dataset, stale }: { dataset: Dataset; stale: ReactNode }) {
  const t = useT();
  const [, go] = useLocation();
  const [renaming, setRenaming] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const { busy, start } = useStart();
  const remove = useDeleteDataset(() => go("/datasets"));
  const rows = Number(dataset.rowCount);
  const facts = [
    t("dataset.rows", { n: dataset.rowCount }), t("dataset.columns", { n: dataset.columnCount }), bytes(dataset.sizeBytes), moment(dataset.createTime),
  ];
  return (
    <div className="screen screen-wide" data-testid="dataset">
      <PageHead
        title={dataset.name}
        sub={<span className="num">{facts.join(" · ")}</span>}
      >
        <TakeFile dataset={dataset} />
        <IconButton label={t("common.rename")} icon={<Pencil />} onClick={() => setRenaming(true)} />
        <IconButton label={t("common.delete")} icon={<Trash2 />} onClick={() => setDeleting(true)} />
        <Button variant="primary" icon={<Play />} busy={busy} onClick={() => void start(originWith([dataset]))} data-testid="analyse">
          {t("dataset.analyse")}
        </Button>
      </PageHead>
      <TableWarnings warnings={dataset.tableWarnings} className="warnings" />
      <Tabs.Root defaultValue="cells" className="stack">
        <Tabs.List className="tabs-list" aria-label={dataset.name}>
          <Tabs.Trigger className="tab" value="cells">{t("dataset.cells")}</Tabs.Trigger>
          <Tabs.Trigger className="tab" value="columns">{t("dataset.columnsTab", { n: dataset.columnCount })}</Tabs.Trigger>
          <Tabs.Trigger className="tab" value="about">{t("dataset.about")}</Tabs.Trigger>
        </Tabs.List>
        <Tabs.Content value="cells">
          {rows === 0 ? (
            <div className="card"><Empty icon={<Table2 />} title={t("dataset.noRows")} text={t("dataset.noRowsText", { n: dataset.columnCount })} /></div>
          ) : (
            <Grid datasetId={dataset.datasetId} columns={dataset.columns} rowCount={rows} />
          )}
        </Tabs.Content>
        <Tabs.Content value="columns"><Columns dataset={dataset} /></Tabs.Content>
        <Tabs.Content value="about"><About dataset={dataset} /></Tabs.Content>
      </Tabs.Root>
      {stale}
      <RenameDataset dataset={renaming ? dataset : null} onClose={() => setRenaming(false)} />
      <Confirm
        open={deleting}
        title={t("datasets.deleteTitle", { name: dataset.name })}
        text={t("datasets.deleteText")}
        action={t("common.delete")}
        busy={remove.isPending}
        onClose={() => setDeleting(false)}
        onConfirm={() => remove.mutate(dataset)}
      />
    </div>
  );
}

/** The file that it was made of, as it was uploaded. */
function TakeFile({ dataset }: { dataset: Dataset }) {
  const words = FILE_WORDS[currentLanguage()];
  const [taking, setTaking] = useState(false);
  const { datasetId, fileName, sizeBytes } = dataset;
  const take = async () => {
    setTaking(true);
    try {
      const blob = await gather(datasets.readDatasetFile({ datasetId, offset: 0n }), () => {});
      if (BigInt(blob.size) !== sizeBytes) throw new FileCut();
      saveBlob(blob, fileName);
    } catch (error) {
      if (error instanceof FileCut) toast(words.cut);
      else toastError(error);
    }
    setTaking(false);
  };
  return <IconButton label={fill(words.download, { name: fileName })} icon={<Download />} disabled={taking} onClick={() => void take()} data-testid="take-file" />;
}

/** Cards drawn at first; a table of ten thousand columns is searched. */
const CARDS_MAX = 120;

function Columns({ dataset }: { dataset: Dataset }) {
  const t = useT();
  const [query, setQuery] = useState("");
  const found = dataset.columns.filter((column) => column.name.toLowerCase().includes(query.trim().toLowerCase()));
  return (
    <div className="stack">
      {dataset.columns.length > 8 && <SearchInput label={t("dataset.findColumn")} value={query} onChange={setQuery} />}
      <div className="cols">
        {found.slice(0, CARDS_MAX).map((column) => <ColumnCard key={column.name} column={column} rowCount={Number(dataset.rowCount)} />)}
      </div>
      {found.length > CARDS_MAX && <p className="muted">{t("dataset.moreColumns", { n: found.length - CARDS_MAX })}</p>}
      {found.length === 0 && <Empty icon={<SearchX />} title={t("common.noMatch")} />}
    </div>
  );
}

function About({ dataset }: { dataset: Dataset }) {
  const t = useT();
  const { options } = dataset;
  const unseen: Partial<Record<string, string>> = { "\t": t("upload.tab"), " ": t("upload.space") };
  const rows: [string, string][] = [
    [t("dataset.file"), dataset.fileName],
    [t("dataset.variable"), `df, ${dataset.variableName}`],
    [t("dataset.size"), `${bytes(dataset.sizeBytes)} (${count(dataset.sizeBytes)} B)`],
    [t("upload.encoding"), options?.encoding ?? ""],
    [t("upload.delimiter"), unseen[options?.delimiter ?? ""] ?? options?.delimiter ?? ""],
    [t("upload.sheet"), options?.sheet ?? ""],
    ["SHA-256", dataset.sha256],
  ];
  return (
    <dl className="card card-pad about">
      {rows.filter(([, value]) => value !== "").map(([name, value]) => (
        <div key={name}>
          <dt className="muted">{name}</dt>
          <dd className="mono">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
