// What is done to a dataset from more than one screen.
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Once } from "../../api/once";
import { changed } from "../../api/query";
import { datasets } from "../../api/transport";
import { type Dataset, DatasetService } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { translate } from "../../i18n/i18n";
import { toast, toastError } from "../../ui/toast";

export function useDeleteDataset(onDone?: () => void) {
  const [once] = useState(() => new Once());
  return useMutation({
    mutationFn: ({ datasetId }: Dataset) => once.call(datasetId, (requestId) => datasets.deleteDataset({ datasetId, requestId })),
    onSuccess: (_, dataset) => {
      toast(translate("datasets.deleted", { name: dataset.name }));
      onDone?.();
      void changed(DatasetService);
    },
    onError: toastError,
  });
}
