// The upload dialog: drop files, see them go, choose how each is read with a live preview, make datasets of them.
import { FileUp } from "lucide-react";
import { useRef, useState, type DragEvent } from "react";
import { useNotifier } from "../execution/store";
import type { Dataset } from "../gen/fenxi/analysis/v1/dataset_pb";
import { useT } from "../i18n/i18n";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { LeftUploads } from "./left-uploads";
import { makeAll } from "./make";
import { uploads } from "./queue";
import { openOf } from "./reading";
import { UploadRow } from "./upload-row";
import "./upload.css";

const ACCEPTED = ".csv,.tsv,.txt,.xlsx,.xls,.json,.jsonl,.ndjson,.parquet,.feather,.arrow";

interface UploadDialogProps {
  open: boolean;
  onClose(): void;
  /** Files dropped on the page that opened the dialog. */
  onMade?(dataset: Dataset): void;
}

export function UploadDialog({ open, onClose, onMade }: UploadDialogProps) {
  const t = useT();
  useNotifier(uploads.notifier);
  const [chosen, setChosen] = useState<number | "none" | null>(null);
  const { items, received } = uploads;
  const current = openOf(items, chosen);
  const add = (files: Iterable<File>) => {
    const [first] = uploads.add(files);
    if (first) setChosen(first.id);
  };
  return (
    <Dialog open={open} onClose={onClose} title={t("upload.title")} wide testId="upload-dialog">
      <div className="stack">
        <DropZone onFiles={add} small={items.length > 0} />
        {received.length > 1 && (
          <div className="up-all">
            <span className="grow muted">{t("upload.notYet", { n: received.length })}</span>
            <Button variant="primary" size="s" busy={received.some((item) => item.reading.busy)} onClick={() => void makeAll()} data-testid="make-all">
              {t("upload.makeAll", { n: received.length })}
            </Button>
          </div>
        )}
        {items.filter(({ phase }) => phase === "done").length > 1 && (
          <div className="up-all">
            <span className="grow" />
            <Button size="s" onClick={() => uploads.clearDone()}>{t("upload.clearDone")}</Button>
          </div>
        )}
        <LeftUploads open={open} onTaken={(item) => setChosen(item.id)} />
        {items.map((item) => (
          <UploadRow
            key={item.id}
            item={item}
            open={item.id === current}
            onOpen={() => setChosen(item.id === current ? "none" : item.id)}
            onMade={(dataset) => onMade?.(dataset)}
            onClose={onClose}
          />
        ))}
      </div>
    </Dialog>
  );
}

function DropZone({ onFiles, small }: { onFiles(files: Iterable<File>): void; small: boolean }) {
  const t = useT();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    onFiles(event.dataTransfer.files);
  };
  return (
    <div
      className={`drop${over ? " drop-over" : ""}${small ? " drop-small" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <FileUp aria-hidden />
      <div className="grow">
        <strong>{t("upload.drop")}</strong>
        <div className="muted small">{t("upload.formats")}</div>
      </div>
      <Button variant={small ? "default" : "primary"} onClick={() => input.current?.click()}>{t("upload.choose")}</Button>
      <input
        ref={input}
        type="file"
        multiple
        accept={ACCEPTED}
        className="visually-hidden"
        tabIndex={-1}
        aria-label={t("upload.choose")}
        data-testid="file-input"
        onChange={(event) => {
          onFiles(Array.from(event.target.files ?? []));
          event.target.value = "";
        }}
      />
    </div>
  );
}
