// Gives a dataset another name.
import { newRequestId } from "../../api/query";
import { datasets } from "../../api/transport";
import type { Dataset } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { useT } from "../../i18n/i18n";
import { RenameDialog } from "../../ui/rename-dialog";

export function RenameDataset({ dataset, onClose }: { dataset: Dataset | null; onClose(): void }) {
  const t = useT();
  const rename = (name: string) => datasets.updateDataset({ datasetId: dataset?.datasetId ?? "", name, requestId: newRequestId() });
  return <RenameDialog open={dataset !== null} title={t("datasets.renameTitle")} name={dataset?.name ?? ""} rename={rename} onClose={onClose} />;
}
