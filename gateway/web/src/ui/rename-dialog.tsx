// Asks for another name of a thing, and says why it cannot have it.
import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { errorText } from "../api/errors";
import { changed } from "../api/query";
import { DatasetService } from "../gen/fenxi/analysis/v1/dataset_pb";
import { KernelService } from "../gen/fenxi/analysis/v1/kernel_pb";
import { useT } from "../i18n/i18n";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { Field } from "./field";

/** Characters of a name, as the services count them. */
const NAME_MAX_CHARS = 200;

interface RenameDialogProps {
  open: boolean;
  title: string;
  /** What it is called now. */
  name: string;
  rename(name: string): Promise<unknown>;
  onClose(): void;
}

export function RenameDialog({ open, title, name, rename, onClose }: RenameDialogProps) {
  const t = useT();
  const { mutate, reset, isPending, error } = useMutation({
    mutationFn: rename,
    onSuccess: () => {
      onClose();
      void changed(DatasetService, KernelService);
    },
  });
  const close = () => {
    reset();
    onClose();
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    mutate(String(new FormData(event.currentTarget).get("name") ?? "").trim());
  };
  return (
    <Dialog
      open={open}
      onClose={close}
      title={title}
      testId="rename"
      footer={
        <>
          <Button onClick={close}>{t("common.cancel")}</Button>
          <Button type="submit" form="rename" variant="primary" busy={isPending}>{t("common.save")}</Button>
        </>
      }
    >
      <form id="rename" onSubmit={submit}>
        <Field label={t("upload.name")} name="name" defaultValue={name} required maxLength={NAME_MAX_CHARS} data-focus error={error ? errorText(error) : null} />
      </form>
    </Dialog>
  );
}
