// Gives a dataset another name.
import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { errorText } from "../../api/errors";
import { newRequestId, queryClient } from "../../api/query";
import { datasets } from "../../api/transport";
import type { Dataset } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { useT } from "../../i18n/i18n";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { Field } from "../../ui/field";

export function RenameDialog({ dataset, onClose }: { dataset: Dataset | null; onClose(): void }) {
  const t = useT();
  const rename = useMutation({
    mutationFn: (name: string) => datasets.updateDataset({ datasetId: dataset?.datasetId ?? "", name, requestId: newRequestId() }),
    onSuccess: () => {
      onClose();
      void queryClient.invalidateQueries();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    rename.mutate(String(new FormData(event.currentTarget).get("name") ?? "").trim());
  };
  return (
    <Dialog
      open={dataset !== null}
      onClose={onClose}
      title={t("datasets.renameTitle")}
      footer={
        <>
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button type="submit" form="rename" variant="primary" busy={rename.isPending}>{t("common.save")}</Button>
        </>
      }
    >
      <form id="rename" onSubmit={submit}>
        <Field label={t("upload.name")} name="name" defaultValue={dataset?.name} required maxLength={200} autoFocus error={rename.error ? errorText(rename.error) : null} />
      </form>
    </Dialog>
  );
}
