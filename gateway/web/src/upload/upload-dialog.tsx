// The upload dialog: drop files, see them go, choose how each is read with a live preview, make datasets of them.
import { FileUp } from "lucide-react";
import { useEffect, useRef, useState, type DragEvent } from "react";
import { useNotifier } from "../execution/store";
import type { Dataset } from "../gen/fenxi/analysis/v1/dataset_pb";
import { useT } from "../i18n/i18n";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { uploads } from "./queue";
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
  const [current, setCurrent] = useState<number | null>(null);
  const { items } = uploads;
  useEffect(() => {
    // The newest file that needs a look is the one that is open.
    if (items.some((item) => item.id === current)) return;
    setCurrent(items.find((item) => item.phase !== "done")?.id ?? null);
  }, [items, current]);
  const add = (files: Iterable<File>) => {
    const [first] = uploads.add(files);
    if (first) setCurrent(first.id);
  };
  return (
    <Dialog open={open} onClose={onClose} title={t("upload.title")} wide testId="upload-dialog">
      <div className="stack">
        <DropZone onFiles={add} small={items.length > 0} />
        {items.map((item) => (
          <UploadRow
            key={item.id}
            item={item}
            open={item.id === current}
            onOpen={() => setCurrent(item.id === current ? null : item.id)}
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
