// One file of the upload dialog.
import { Check, CircleAlert, FileSpreadsheet, Pause, Play, X } from "lucide-react";
import { useNotifier } from "../execution/store";
import type { Dataset } from "../gen/fenxi/analysis/v1/dataset_pb";
import { bytes, span } from "../i18n/format";
import { useT, type MessageKey } from "../i18n/i18n";
import { errorText, reasonText, withOwn } from "../api/errors";
import { IconButton, LinkButton } from "../ui/button";
import { ReadOptions } from "./read-options";
import { uploads, type UploadItem } from "./queue";
import { FileChanged, TusError } from "./tus";

interface RowProps {
  item: UploadItem;
  open: boolean;
  onOpen(): void;
  onMade(dataset: Dataset): void;
  onClose(): void;
}

/** A file answered by the upload route has a plain status; calls have a reason. */
function failureText(error: unknown, t: ReturnType<typeof useT>): string {
  if (error instanceof FileChanged) return t("upload.fileChanged");
  if (!(error instanceof TusError)) return errorText(error);
  if (error.status === 413) return withOwn(t("upload.tooLarge"), error.message);
  return reasonText(error.reason, error.message) ?? withOwn(t("upload.failed"), error.message);
}

export function UploadRow({ item, open, onOpen, onMade, onClose }: RowProps) {
  const t = useT();
  useNotifier(uploads.notifier);
  const share = item.size === 0 ? 1 : item.sentBytes / item.size;
  const refusal = item.phase === "received" && !item.reading.busy ? item.reading.error : null;
  const moving = item.phase === "sending" || item.phase === "retrying" || item.phase === "waiting";
  return (
    <div className="up-item" data-testid="upload-item" data-phase={item.phase}>
      <div className="up-head">
        <button type="button" className="up-name" onClick={onOpen} aria-expanded={open}>
          <span className={`up-icon up-${refusal === null ? item.phase : "failed"}`} aria-hidden>
            {item.phase === "done" ? <Check /> : item.phase === "failed" || refusal !== null ? <CircleAlert /> : <FileSpreadsheet />}
          </span>
          <span className="grow">
            <span className="ellipsis up-file">{item.name}</span>
            <span className="muted small num up-state">{stateLine(item, t)}</span>
          </span>
        </button>
        {moving && item.size > 0 && <IconButton label={t("upload.pause")} icon={<Pause />} size="s" onClick={() => uploads.pause(item)} />}
        {(item.phase === "paused" || item.phase === "failed") && (
          <IconButton label={t("upload.resume")} icon={<Play />} size="s" onClick={() => uploads.resume(item)} />
        )}
        {item.phase === "done" && item.dataset ? (
          <>
            <span onClick={onClose}>
              <LinkButton href={`/d/${item.dataset.datasetId}`} size="s">{t("common.open")}</LinkButton>
            </span>
            <IconButton label={t("upload.dismiss")} icon={<X />} size="s" onClick={() => uploads.remove(item)} />
          </>
        ) : (
          // What is being made cannot be taken back here: it would be there all the same, or not, unsaid.
          <IconButton label={t("upload.cancel")} icon={<X />} size="s" disabled={item.reading.busy} onClick={() => uploads.remove(item)} />
        )}
      </div>
      {item.phase !== "done" && item.phase !== "received" && (
        <div className="progress" role="progressbar" aria-label={item.name} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)}>
          <div style={{ width: `${share * 100}%` }} />
        </div>
      )}
      {item.phase === "failed" && <div className="notice notice-bad" role="alert">{failureText(item.error, t)}</div>}
      {!open && refusal !== null && <div className="notice notice-bad" role="alert" data-testid="upload-error">{errorText(refusal)}</div>}
      {open && item.uploadId && item.phase !== "done" && item.phase !== "failed" && <ReadOptions item={item} onMade={onMade} />}
    </div>
  );
}

const PHASES: Record<UploadItem["phase"], MessageKey> = {
  waiting: "upload.phaseWaiting",
  sending: "upload.phaseSending",
  retrying: "upload.phaseRetrying",
  paused: "upload.phasePaused",
  received: "upload.phaseReceived",
  done: "upload.phaseDone",
  failed: "upload.phaseFailed",
};

function stateLine(item: UploadItem, t: ReturnType<typeof useT>): string {
  const parts = [t(item.reading.busy ? "upload.making" : PHASES[item.phase])];
  if (item.phase === "sending" && item.bytesPerSecond > 0) {
    const leftMs = ((item.size - item.sentBytes) / item.bytesPerSecond) * 1000;
    parts.push(`${bytes(item.sentBytes)} / ${bytes(item.size)}`, `${bytes(item.bytesPerSecond)}/s`, t("upload.left", { span: span(leftMs) }));
  } else if (item.phase === "paused" || item.phase === "retrying") parts.push(`${bytes(item.sentBytes)} / ${bytes(item.size)}`);
  else parts.push(bytes(item.size));
  return parts.join(" · ");
}
