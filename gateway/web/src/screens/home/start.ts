// Starts a kernel with tables and goes to its notebook, if the person still waits for it.
import { useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { Once } from "../../api/once";
import { queryClient } from "../../api/query";
import { kernels } from "../../api/transport";
import type { Dataset } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { useT } from "../../i18n/i18n";
import { toast, toastError } from "../../ui/toast";

/** Tables that one kernel may hold. */
export const TABLES_MAX = 20;

/** `waiting`: what it was asked from is still there. Whoever has gone elsewhere is told, and not taken away from it. */
export function useStartKernel(waiting = true): { busy: boolean; run(datasets: Dataset[], name?: string, kernelSpec?: string): Promise<void> } {
  const t = useT();
  const [, go] = useLocation();
  const [busy, setBusy] = useState(false);
  const [once] = useState(() => new Once());
  const here = useRef(waiting);
  here.current = waiting;
  useEffect(() => () => void (here.current = false), []);
  const run = async (datasets: Dataset[], name = "", kernelSpec = "") => {
    if (datasets.length > TABLES_MAX) return toast(t("home.tablesMax", { n: TABLES_MAX }), undefined, true);
    const wanted = {
      datasets: datasets.map(({ datasetId }) => ({ datasetId, variableName: "" })),
      displayName: name || datasets.map((dataset) => dataset.name).join(" + ").slice(0, 200),
      kernelSpec,
    };
    setBusy(true);
    try {
      const { kernel } = await once.call(JSON.stringify(wanted), (requestId) => kernels.createKernel({ ...wanted, requestId }));
      void queryClient.invalidateQueries();
      const open = () => go(`/k/${kernel?.kernelId ?? ""}`);
      if (here.current) open();
      else toast(t("home.started", { name: kernel?.displayName || t("notebook.untitled") }), { label: t("common.open"), run: open });
    } catch (error) {
      toastError(error);
    }
    setBusy(false);
  };
  return { busy, run };
}
