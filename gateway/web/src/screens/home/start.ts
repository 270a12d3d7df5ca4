// Starts a kernel with tables and goes to its notebook, if the person still waits for it.
import { useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { isNotFound } from "../../api/errors";
import { Once } from "../../api/once";
import { changed, newRequestId } from "../../api/query";
import { KernelService } from "../../gen/fenxi/analysis/v1/kernel_pb";
import { kernels } from "../../api/transport";
import type { Dataset } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { useT } from "../../i18n/i18n";
import type { Origin } from "../../notebook/document";
import { useUser } from "../../shell/user";
import { toast, toastError } from "../../ui/toast";

/** Tables that one kernel may hold. */
export const TABLES_MAX = 20;

/** Starts one as `origin` says, with cells of this code. */
type Start = (origin: Origin, codes?: string[]) => Promise<void>;

/** `waiting`: what it was asked from is still there. Whoever has gone elsewhere is told, and not taken away from it. */
export function useStart(waiting = true): { busy: boolean; start: Start } {
  const t = useT();
  const { userId } = useUser();
  const [, go] = useLocation();
  const [busy, setBusy] = useState(false);
  const [once] = useState(() => new Once());
  const here = useRef(false);
  useEffect(() => {
    here.current = waiting;
    return () => void (here.current = false);
  }, [waiting]);
  const create = ({ tables, displayName, kernelSpec }: Origin) => {
    const wanted = { datasets: tables, displayName, kernelSpec };
    return once.call(JSON.stringify(wanted), (requestId) => kernels.createKernel({ ...wanted, requestId }));
  };
  const start: Start = async (origin, codes = []) => {
    if (origin.tables.length > TABLES_MAX) return toast(t("home.tablesMax", { n: TABLES_MAX }), undefined, true);
    setBusy(true);
    let gone: Origin["tables"] = [];
    try {
      const { kernel } = await create(origin).catch(async (error: unknown) => {
        // What was run before is run again with the tables that are left of it; what is just being chosen is all meant.
        if (codes.length === 0 || !isNotFound(error)) throw error;
        const still = await (await import("./tables-left")).tablesLeft(origin.tables);
        gone = still.gone;
        return create({ ...origin, tables: still.left });
      });
      void changed(KernelService);
      const kernelId = kernel?.kernelId ?? "";
      if (codes.length > 0) (await import("../../notebook/storage")).keepCode(userId, kernelId, codes, newRequestId);
      const open = () => go(`/k/${kernelId}`);
      // As an error is, it is there until it is closed: the code still names them.
      if (gone.length > 0) toast(t("home.tablesGone", { names: gone.map(({ variableName }) => variableName).join(", ") }), undefined, true);
      if (here.current) open();
      else toast(t("home.started", { name: kernel?.displayName || t("notebook.untitled") }), { label: t("common.open"), run: open });
    } catch (error) {
      toastError(error);
    }
    setBusy(false);
  };
  return { busy, start };
}

/** One with these tables, each under a name that the service gives it. */
export function originWith(datasets: Dataset[], name = "", kernelSpec = ""): Origin {
  return {
    displayName: name || datasets.map((dataset) => dataset.name).join(" + ").slice(0, 200),
    kernelSpec,
    tables: datasets.map(({ datasetId }) => ({ datasetId, variableName: "" })),
  };
}
