// The tables of the person: found, uploaded, taken into an analysis, several at once if wanted.
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { Database, Ellipsis, Pencil, Play, SearchX, Trash2, Upload } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import { DatasetService, type Dataset } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { ago, bytes } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import { PageHead } from "../../shell/shell";
import { useDebounced } from "../../ui/debounced";
import { Button, IconButton } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { SearchInput } from "../../ui/field";
import { Menu } from "../../ui/menu";
import { Empty, Failed, Skeleton, Stale } from "../../ui/states";
import { useUpload } from "../../upload/provider";
import { originWith, useStart } from "../home/start";
import { useDeleteDataset } from "./actions";
import { RenameDataset } from "./rename";

export function DatasetsScreen() {
  const t = useT();
  const upload = useUpload();
  const [query, setQuery] = useState("");
  const wanted = useDebounced(query.trim());
  const [picked, setPicked] = useState<Map<string, Dataset>>(new Map());
  const { busy, start } = useStart();
  const list = useInfiniteQuery(
    DatasetService.method.listDatasets,
    { query: wanted, pageSize: 50, pageToken: "" },
    { pageParamKey: "pageToken", getNextPageParam: (page) => page.nextPageToken || undefined, placeholderData: keepPreviousData },
  );
  const pages = list.data?.pages ?? [];
  const found = pages.flatMap((page) => page.datasets);
  const quota = pages[0];
  const toggle = (dataset: Dataset) =>
    setPicked((before) => {
      const next = new Map(before);
      if (!next.delete(dataset.datasetId)) next.set(dataset.datasetId, dataset);
      return next;
    });
  const leaveOut = ({ datasetId }: Dataset) => setPicked((before) => new Map([...before].filter(([id]) => id !== datasetId)));
  return (
    <div className="screen">
      <PageHead title={t("nav.datasets")} sub={quota && quota.quotaBytes > 0n && t("datasets.quota", { used: bytes(quota.usedBytes), quota: bytes(quota.quotaBytes) })}>
        {picked.size > 0 && (
          <Button icon={<Play />} busy={busy} onClick={() => void start(originWith([...picked.values()]))}>
            {t("datasets.analysePicked", { n: picked.size })}
          </Button>
        )}
        <Button variant="primary" icon={<Upload />} onClick={() => upload.open()}>{t("upload.title")}</Button>
      </PageHead>
      <SearchInput label={t("datasets.search")} value={query} onChange={setQuery} />
      <section className="card" aria-busy={list.isFetching}>
        {list.error && !list.data ? (
          <Failed error={list.error} onRetry={() => void list.refetch()} />
        ) : list.isPending ? (
          <Skeleton rows={6} height={36} />
        ) : found.length === 0 && wanted !== "" ? (
          <Empty icon={<SearchX />} title={t("common.noMatch")} text={t("common.noMatchText")} />
        ) : found.length === 0 ? (
          <Empty icon={<Database />} title={t("datasets.none")} text={t("datasets.noneText")}>
            <Button variant="primary" icon={<Upload />} onClick={() => upload.open()}>{t("upload.title")}</Button>
          </Empty>
        ) : (
          <div className="list">
            {found.map((dataset) => (
              <DatasetRow key={dataset.datasetId} dataset={dataset} picked={picked.has(dataset.datasetId)} onPick={() => toggle(dataset)} onDeleted={() => leaveOut(dataset)} />
            ))}
          </div>
        )}
      </section>
      {list.data && <Stale query={list} />}
      {list.hasNextPage && (
        <Button className="more" busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t("common.more")}</Button>
      )}
    </div>
  );
}

interface RowProps {
  dataset: Dataset;
  picked: boolean;
  onPick(): void;
  onDeleted(): void;
}

function DatasetRow({ dataset, picked, onPick, onDeleted }: RowProps) {
  const t = useT();
  const [renaming, setRenaming] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const { busy, start } = useStart();
  const remove = useDeleteDataset(() => {
    setDeleting(false);
    onDeleted();
  });
  return (
    <div className="list-row list-row-link" data-testid="dataset-row">
      <input type="checkbox" checked={picked} onChange={onPick} aria-label={t("datasets.pick", { name: dataset.name })} />
      <Link href={`/d/${dataset.datasetId}`} className="grow dataset-link">
        <span className="ellipsis">{dataset.name}</span>
        <span className="muted small num ellipsis">
          {t("dataset.rows", { n: dataset.rowCount })} · {t("dataset.columns", { n: dataset.columnCount })} · {bytes(dataset.sizeBytes)} · {ago(dataset.createTime)}
        </span>
      </Link>
      <Button size="s" icon={<Play />} busy={busy} onClick={() => void start(originWith([dataset]))} className="hide-phone">{t("dataset.analyse")}</Button>
      <Menu
        trigger={<IconButton label={t("common.moreActions")} icon={<Ellipsis />} size="s" />}
        entries={[
          { label: t("dataset.analyse"), icon: <Play />, onSelect: () => void start(originWith([dataset])) },
          { label: t("common.rename"), icon: <Pencil />, onSelect: () => setRenaming(true) },
          "line",
          { label: t("common.delete"), icon: <Trash2 />, danger: true, onSelect: () => setDeleting(true) },
        ]}
      />
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
