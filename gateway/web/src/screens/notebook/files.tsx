// The files of a kernel, in a dialog: folders to go into, files to take out or to make datasets of.
import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { ChevronRight, Database, Download, File as FileIcon, Folder, Link2, RefreshCw, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { errorText } from "../../api/errors";
import { kernelFiles } from "../../api/transport";
import { KernelFileKind, KernelFileService, type KernelFile } from "../../gen/fenxi/analysis/v1/kernel_file_pb";
import { bytes, moment } from "../../i18n/format";
import { currentLanguage, fill, useT } from "../../i18n/i18n";
import { WORDS } from "../../i18n/file-words";
import { FileCut, gather, within } from "../../notebook/files";
import { saveBlob } from "../../output/content";
import { IconButton } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { Skeleton } from "../../ui/states";
import { toast, toastError } from "../../ui/toast";
import { useUpload } from "../../upload/provider";
import "./files.css";

/** What datasets are made of, by its name. */
const TABLE = /\.(csv|tsv|txt|xlsx|xls|json|jsonl|ndjson|parquet|feather|arrow)$/i;

/** A file on its way. */
interface Coming {
  path: string;
  bytes: number;
  stop: AbortController;
}

interface FilesProps {
  kernelId: string;
  onClose(): void;
}

export function Files({ kernelId, onClose }: FilesProps) {
  // Drawn again when the language changes.
  useT();
  const words = WORDS[currentLanguage()];
  const upload = useUpload();
  const [folder, setFolder] = useState("");
  const [coming, setComing] = useState<Coming | null>(null);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);
  const { data, error, refetch, isFetching, isPlaceholderData } = useQuery(
    KernelFileService.method.listKernelFiles,
    { kernelId, path: folder },
    { staleTime: 0, placeholderData: keepPreviousData },
  );
  const take = async (name: string, use: (blob: Blob) => void) => {
    const path = within(folder, name);
    const mine = new AbortController();
    stop.current = mine;
    setComing({ path, bytes: 0, stop: mine });
    try {
      const pieces = kernelFiles.readKernelFile({ kernelId, path, offset: 0n }, { signal: mine.signal });
      use(await gather(pieces, (came) => setComing({ path, bytes: came, stop: mine })));
    } catch (failure) {
      if (failure instanceof FileCut) toast(words.cut);
      else if (!mine.signal.aborted) toastError(failure);
    }
    setComing(null);
  };
  const makeDataset = (name: string) => take(name, (blob) => {
    onClose();
    upload.open([new File([blob], name)]);
  });
  return (
    <Dialog open onClose={onClose} title={words.title} description={words.hint} wide testId="files">
      <div className="files-head">
        <Crumbs folder={folder} own={words.own} onGo={setFolder} />
        <IconButton label={words.refresh} icon={<RefreshCw />} size="s" disabled={isFetching} onClick={() => void refetch()} />
      </div>
      {error && <div className="notice notice-bad" role="alert">{errorText(error)}</div>}
      {!data && !error && <Skeleton rows={4} />}
      {data?.files.length === 0 && <p className="muted">{words.empty}</p>}
      <ul className="files" aria-busy={isPlaceholderData}>
        {data?.files.map((file) => (
          <li key={file.name} className="file" data-testid="file" data-name={file.name}>
            <Row file={file} other={words.other} onGo={() => setFolder(within(folder, file.name))} />
            {coming?.path === within(folder, file.name) ? (
              <>
                <span className="num small muted" role="status">{bytes(coming.bytes)}</span>
                <IconButton label={words.stop} icon={<X />} size="s" onClick={() => coming.stop.abort()} />
              </>
            ) : file.kind === KernelFileKind.FILE && (
              <>
                {TABLE.test(file.name) && (
                  <IconButton label={fill(words.makeDataset, { name: file.name })} icon={<Database />} size="s" disabled={coming !== null} onClick={() => void makeDataset(file.name)} />
                )}
                <IconButton
                  label={fill(words.download, { name: file.name })}
                  icon={<Download />}
                  size="s"
                  disabled={coming !== null}
                  onClick={() => void take(file.name, (blob) => saveBlob(blob, file.name))}
                />
              </>
            )}
          </li>
        ))}
      </ul>
      {data?.more && <p className="muted small">{words.more}</p>}
    </Dialog>
  );
}

function Row({ file, other, onGo }: { file: KernelFile; other: string; onGo(): void }) {
  if (file.kind === KernelFileKind.FOLDER) {
    return (
      <button type="button" className="file-name file-folder" onClick={onGo}>
        <Folder aria-hidden />
        <span className="ellipsis">{file.name}</span>
      </button>
    );
  }
  const ordinary = file.kind === KernelFileKind.FILE;
  return (
    <span className="file-name">
      {ordinary ? <FileIcon aria-hidden /> : <Link2 aria-hidden />}
      <span className="grow ellipsis">{file.name}</span>
      <span className="muted small num file-when">{moment(file.modifyTime)}</span>
      <span className="muted small num file-size">{ordinary ? bytes(file.sizeBytes) : other}</span>
    </span>
  );
}

/** The way to a folder, each part of it a way back. */
function Crumbs({ folder, own, onGo }: { folder: string; own: string; onGo(folder: string): void }) {
  const parts = folder === "" ? [] : folder.split("/");
  return (
    <nav className="grow crumbs" aria-label={own}>
      {["", ...parts].map((part, index) => {
        const path = parts.slice(0, index).join("/");
        const here = index === parts.length;
        return (
          <span key={path} className="crumb">
            {index > 0 && <ChevronRight aria-hidden />}
            <button type="button" className="ellipsis" disabled={here} aria-current={here ? "page" : undefined} onClick={() => onGo(path)}>{index === 0 ? own : part}</button>
          </span>
        );
      })}
    </nav>
  );
}
