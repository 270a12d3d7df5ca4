// Starts a kernel with tables and goes to its notebook. One request_id a press, so that a retry starts nothing twice.
import { useState } from "react";
import { useLocation } from "wouter";
import { newRequestId, queryClient } from "../../api/query";
import { kernels } from "../../api/transport";
import type { Dataset } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { toastError } from "../../ui/toast";

export function useStartKernel(): { busy: boolean; run(datasets: Dataset[], name?: string, kernelSpec?: string): Promise<void> } {
  const [, go] = useLocation();
  const [busy, setBusy] = useState(false);
  const run = async (datasets: Dataset[], name = "", kernelSpec = "") => {
    setBusy(true);
    try {
      const { kernel } = await kernels.createKernel({
        datasets: datasets.map(({ datasetId }) => ({ datasetId, variableName: "" })),
        displayName: name || datasets.map((dataset) => dataset.name).join(" + ").slice(0, 200),
        requestId: newRequestId(),
        kernelSpec,
      });
      void queryClient.invalidateQueries();
      if (kernel) go(`/k/${kernel.kernelId}`);
    } catch (error) {
      toastError(error);
    }
    setBusy(false);
  };
  return { busy, run };
}
