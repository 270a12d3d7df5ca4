// The upload dialog for the whole app: opened by a button of any screen, or by a file dropped anywhere.
import { createContext, useContext, useEffect, useMemo, useState, type ComponentType, type ReactNode } from "react";
import { toastError } from "../ui/toast";
import { UploadChip } from "./upload-chip";
import { uploads } from "./queue";

type UploadDialog = ComponentType<{ open: boolean; onClose(): void }>;

interface UploadDoor {
  open(files?: Iterable<File>): void;
}

const UploadContext = createContext<UploadDoor>({ open: () => {} });

export function useUpload(): UploadDoor {
  return useContext(UploadContext);
}

export function UploadProvider({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState(false);
  // Fetched when it is opened first: the first page does without. What was chosen goes up meanwhile.
  const [Dialog, setDialog] = useState<UploadDialog | null>(null);
  const door = useMemo<UploadDoor>(
    () => ({
      open: (files) => {
        if (files) uploads.add(files);
        setOpen(true);
        import("./upload-dialog").then((module) => setDialog(() => module.UploadDialog), (error: unknown) => {
          setOpen(false);
          toastError(error);
        });
      },
    }),
    [],
  );
  useEffect(() => {
    const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const over = (event: DragEvent) => carriesFiles(event) && event.preventDefault();
    const drop = (event: DragEvent) => {
      if (!carriesFiles(event) || event.defaultPrevented) return;
      event.preventDefault();
      door.open(event.dataTransfer?.files ?? []);
    };
    window.addEventListener("dragover", over);
    window.addEventListener("drop", drop);
    return () => {
      window.removeEventListener("dragover", over);
      window.removeEventListener("drop", drop);
    };
  }, [door]);
  return (
    <UploadContext value={door}>
      {children}
      {Dialog && <Dialog open={open} onClose={() => setOpen(false)} />}
      {!open && <UploadChip onOpen={() => setOpen(true)} />}
    </UploadContext>
  );
}
