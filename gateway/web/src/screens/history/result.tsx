// The result of an entry. Of one that is too long for the history there is the whole, where the log still has it.
import { useQuery } from "@tanstack/react-query";
import { Scissors } from "lucide-react";
import { useMemo, useState } from "react";
import { errorText, isNotFound } from "../../api/errors";
import type { Truncated } from "../../execution/model";
import type { OutputEvent } from "../../gen/fenxi/analysis/v1/output_pb";
import { WORDS } from "../../i18n/cut-result-words";
import { bytes } from "../../i18n/format";
import { currentLanguage, fill, useT } from "../../i18n/i18n";
import { Outputs } from "../../output/output-view";
import { Button } from "../../ui/button";
import { useFocusReturn } from "../../ui/focus-return";
import { isLeftOut, modelOf, wholeOf } from "./kept-result";

export function Result({ executionId, outputs }: { executionId: string; outputs: OutputEvent[] }) {
  const t = useT();
  const words = WORDS[currentLanguage()];
  const kept = useMemo(() => modelOf(outputs), [outputs]);
  const cut = kept.items.some(isLeftOut);
  const [wanted, setWanted] = useState(false);
  const { data: whole, error, isFetching, refetch } = useQuery({
    queryKey: ["whole", executionId],
    queryFn: ({ signal }) => wholeOf(executionId, signal),
    enabled: cut && wanted,
    // A log does not change, and it is long. What may be tried again the feed has tried.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
  });
  const gone = error !== null && isNotFound(error);
  const also = words.between + (gone ? words.logGone : words.inLog);
  const leftOut = ({ droppedBytes, limitBytes }: Truncated) => fill(words.leftOut, { dropped: bytes(droppedBytes), limit: bytes(limitBytes) }) + also;
  const show = () => {
    if (wanted) void refetch();
    else setWanted(true);
  };
  if (kept.items.length === 0) return <p className="muted">{t("history.noResult")}</p>;
  return (
    <div className="stack entry-result" tabIndex={-1}>
      {cut && !whole && (
        <div className="notice notice-s notice-warn" data-testid="result-cut">
          <Scissors aria-hidden />
          <span className="grow" role={error ? "alert" : undefined}>{words.cut}{also} {error && !gone && errorText(error)}</span>
          {!gone && <ShowWhole busy={isFetching} onShow={show} />}
        </div>
      )}
      {whole ? (
        <Outputs key="whole" model={whole} executionId={executionId} />
      ) : (
        <Outputs key="kept" model={kept} executionId={executionId} truncatedText={(item) => (isLeftOut(item) ? leftOut(item) : undefined)} />
      )}
    </div>
  );
}

/** Goes once it has done what it does; the focus is the result's then. */
function ShowWhole({ busy, onShow }: { busy: boolean; onShow(): void }) {
  const t = useT();
  const willGo = useFocusReturn(() => document.querySelector<HTMLElement>(".entry-result")?.focus({ preventScroll: true }));
  const press = () => {
    willGo();
    onShow();
  };
  return <Button size="s" busy={busy} onClick={press} data-testid="show-whole">{t("notebook.showWhole")}</Button>;
}
