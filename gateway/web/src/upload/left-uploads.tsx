// Uploads that are no datasets yet and that this page has not in its list: begun elsewhere, or before a reload.
import { useQuery } from "@connectrpc/connect-query";
import { FileClock, Play, X } from "lucide-react";
import { useState } from "react";
import { changed, newRequestId } from "../api/query";
import { datasets } from "../api/transport";
import { DatasetService, type Upload } from "../gen/fenxi/analysis/v1/dataset_pb";
import { bytes, moment } from "../i18n/format";
import { currentLanguage, fill, useT } from "../i18n/i18n";
import { WORDS } from "../i18n/upload-words";
import { Button, IconButton } from "../ui/button";
import { toastError } from "../ui/toast";
import { uploads, type UploadItem } from "./queue";

interface LeftUploadsProps {
  /** Whether anybody looks. */
  open: boolean;
  onTaken(item: UploadItem): void;
}

export function LeftUploads({ open, onTaken }: LeftUploadsProps) {
  const t = useT();
  const words = WORDS[currentLanguage()];
  const [busy, setBusy] = useState(false);
  const { data } = useQuery(DatasetService.method.listUploads, {}, { enabled: open, staleTime: 0 });
  const left = data?.uploads.filter(({ uploadId }) => !uploads.has(uploadId)) ?? [];
  if (left.length === 0) return null;
  const remove = async (gone: Upload[]) => {
    setBusy(true);
    try {
      for (const { uploadId } of gone) await datasets.cancelUpload({ uploadId, requestId: newRequestId() });
    } catch (error) {
      toastError(error);
    }
    await changed(DatasetService);
    setBusy(false);
  };
  return (
    <section className="up-left" aria-label={words.title} data-testid="left-uploads">
      <div className="up-all">
        <h3 className="grow">{words.title}</h3>
        {left.length > 1 && <Button size="s" busy={busy} onClick={() => void remove(left)} data-testid="remove-left">{words.removeAll}</Button>}
      </div>
      <p className="muted small">{words.hint}</p>
      {left.map((upload) => {
        const whole = upload.receivedBytes === upload.sizeBytes && upload.sizeBytes > 0n;
        const state = { received: bytes(upload.receivedBytes), size: bytes(upload.sizeBytes), time: moment(upload.expireTime) };
        return (
          <div className="up-head" key={upload.uploadId} data-testid="left-upload" data-name={upload.fileName}>
            <span className="up-icon up-received" aria-hidden><FileClock /></span>
            <span className="grow up-left-text">
              <span className="ellipsis up-file">{upload.fileName}</span>
              <span className="muted small num">{fill(whole ? words.whole : words.state, state)}</span>
            </span>
            {whole && (
              <Button size="s" icon={<Play />} disabled={busy} onClick={() => onTaken(uploads.takeUp(upload.uploadId, upload.fileName, Number(upload.sizeBytes)))} data-testid="take-up">
                {words.takeUp}
              </Button>
            )}
            <IconButton label={t("upload.cancel")} icon={<X />} size="s" disabled={busy} onClick={() => void remove([upload])} />
          </div>
        );
      })}
    </section>
  );
}
