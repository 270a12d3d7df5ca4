// What a cell said. What is long scrolls in a box of its own until the person asks for all of it.
import { useEffect, useRef, useState, type RefObject } from "react";
import { errorText } from "../../api/errors";
import type { Feed } from "../../execution/feed";
import { useT } from "../../i18n/i18n";
import type { Cell } from "../../notebook/document";
import type { NotebookSession } from "../../notebook/session";
import { Outputs } from "../../output/output-view";

/** Lines of text, or a height of whatever it is, from which output is folded. A chart or a table is not as high. */
const FOLD_LINES = 40;
const FOLD_HEIGHT_PX = 1_600;

export function CellOutput({ session, cell, feed }: { session: NotebookSession; cell: Cell; feed: Feed }) {
  const t = useT();
  const [whole, setWhole] = useState(false);
  const content = useRef<HTMLDivElement>(null);
  const tall = useTall(content);
  const lines = feed.model.items.reduce((sum, item) => sum + (item.kind === "stream" ? item.log.lineCount : 0), 0);
  const long = lines > FOLD_LINES || tall;
  return (
    <>
      <div className={long && !whole ? "cell-out cell-out-short" : "cell-out"} {...(long && !whole ? { tabIndex: 0, role: "region", "aria-label": t("notebook.output") } : {})}>
        <div ref={content}>
          <Outputs model={feed.model} executionId={feed.executionId} onReply={(inputId, value) => session.reply(cell, inputId, value)} />
          {feed.failure !== null && (
            <div className="notice notice-bad">
              <span className="grow">{errorText(feed.failure)}</span>
            </div>
          )}
        </div>
      </div>
      {long && (
        <button type="button" className="cell-more small" onClick={() => setWhole(!whole)}>
          {whole ? t("notebook.showLess") : lines > FOLD_LINES ? t("notebook.showAll", { n: lines }) : t("notebook.showWhole")}
        </button>
      )}
    </>
  );
}

/** Whether the content has become very high: pictures and frames say so only once they are drawn. */
function useTall(content: RefObject<HTMLDivElement | null>): boolean {
  const [tall, setTall] = useState(false);
  useEffect(() => {
    const element = content.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => setTall(element.offsetHeight > FOLD_HEIGHT_PX));
    observer.observe(element);
    return () => observer.disconnect();
  }, [content]);
  return tall;
}
