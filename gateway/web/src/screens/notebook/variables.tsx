// The panel beside the cells: what the kernel's variables are, kept up with what runs; a click shows one.
import { useQuery } from "@connectrpc/connect-query";
import { RefreshCw, X } from "lucide-react";
import { useEffect, useState } from "react";
import { errorText } from "../../api/errors";
import { InspectionService, type Variable } from "../../gen/fenxi/analysis/v1/inspection_pb";
import { useT } from "../../i18n/i18n";
import type { NotebookSession } from "../../notebook/session";
import { answers, Asked, epochOf, shortType } from "../../notebook/variables";
import { IconButton } from "../../ui/button";
import { keep, kept } from "../../ui/kept";
import { Skeleton } from "../../ui/states";
import { summaryOf, sizeOf } from "./variable-words";
import { VariablePreview } from "./variable-preview";
import "./variables.css";

const STORED_AS = "fenxi.variables";

/** On a phone the panel lies over the cells: it is open there only where it was asked for. */
const PHONE = "(max-width: 640px)";

/** Whether the panel is open, as this browser last had it beside the cells. */
export function useVariablesOpen(): [boolean, (open: boolean) => void] {
  const [open, setOpen] = useState(() => !window.matchMedia(PHONE).matches && kept(STORED_AS) === "open");
  return [
    open,
    (next) => {
      if (!window.matchMedia(PHONE).matches) keep(STORED_AS, next ? "open" : "closed");
      setOpen(next);
    },
  ];
}

export function Variables({ session, onClose }: { session: NotebookSession; onClose(): void }) {
  const t = useT();
  const { kernel, kernelId } = session;
  const [shown, setShown] = useState<string | null>(null);
  const { data, error, refetch, isFetching } = useQuery(
    InspectionService.method.listVariables,
    { kernelId },
    { enabled: answers(kernel), staleTime: 0, retry: false },
  );
  const epoch = epochOf(kernel);
  const enabled = answers(kernel);
  const [asked] = useState(() => new Asked());
  useEffect(() => {
    if (enabled && asked.again(epoch)) void refetch();
  }, [enabled, asked, epoch, refetch]);
  return (
    // Keys pressed in here, and in the dialog that it opens, are no commands to the cells.
    <aside className="variables" aria-label={t("variables.title")} onKeyDown={(event) => event.stopPropagation()} data-testid="variables">
      <div className="variables-head">
        <h2>{t("variables.title")}</h2>
        <IconButton label={t("variables.refresh")} icon={<RefreshCw />} size="s" disabled={!answers(kernel) || isFetching} onClick={() => void refetch()} />
        <IconButton label={t("common.close")} icon={<X />} size="s" onClick={onClose} />
      </div>
      {error && <p className="variables-note small" role="alert">{errorText(error)}</p>}
      {!data && !error && answers(kernel) && <Skeleton rows={4} />}
      {data?.variables.length === 0 && <p className="variables-note small muted">{t("variables.none")}</p>}
      <ul>
        {data?.variables.map((variable) => (
          <li key={variable.name}>
            <VariableRow variable={variable} onShow={() => setShown(variable.name)} />
          </li>
        ))}
      </ul>
      {data?.more && <p className="variables-note small muted">{t("variables.more", { n: data.variables.length })}</p>}
      {shown !== null && <VariablePreview kernelId={kernelId} name={shown} onClose={() => setShown(null)} />}
    </aside>
  );
}

function VariableRow({ variable, onShow }: { variable: Variable; onShow(): void }) {
  useT();
  return (
    <button type="button" className="variable" onClick={onShow} data-testid="variable" data-name={variable.name}>
      <span className="variable-line">
        <code className="ellipsis">{variable.name}</code>
        <span className="muted small ellipsis" title={variable.type}>{shortType(variable)}</span>
      </span>
      <span className="variable-line small muted">
        <span className="ellipsis">{summaryOf(variable)}</span>
        <span className="num variable-size">{sizeOf(variable)}</span>
      </span>
    </button>
  );
}
