// What a cell said. What is long scrolls in a box of its own until the person asks for all of it; while it runs, the box
// shows its end.
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { errorText } from "../../api/errors";
import type { Feed } from "../../execution/feed";
import { useT } from "../../i18n/i18n";
import type { Cell } from "../../notebook/document";
import type { NotebookSession } from "../../notebook/session";
import { Outputs } from "../../output/output-view";
import { followsEnd } from "./follow-end";

/** Lines of text, or a height of whatever it is, from which output is folded. A chart or a table is not as high. */
const FOLD_LINES = 40;
const FOLD_HEIGHT_PX = 1_600;

interface CellOutputProps {
  session: NotebookSession;
  cell: Cell;
  feed: Feed;
  /** It waits or runs. */
  working: boolean;
}

export function CellOutput({ session, cell, feed, working }: CellOutputProps) {
  const t = useT();
  const [whole, setWhole] = useState(false);
  const lines = feed.model.items.reduce((sum, item) => sum + (item.kind === "stream" ? item.log.lineCount : 0), 0);
  const { box, content, tall, onScroll } = useBox(working, feed);
  const long = lines > FOLD_LINES || tall;
  return (
    <>
      <div ref={box} onScroll={onScroll} className={long && !whole ? "cell-out cell-out-short" : "cell-out"} {...(long && !whole ? { tabIndex: 0, role: "region", "aria-label": t("notebook.output") } : {})}>
        <div ref={content}>
          {/* What has ended and is only told again asks for nothing. */}
          <Outputs model={feed.model} executionId={feed.executionId} onReply={feed.ended ? undefined : (inputId, value) => session.reply(cell, inputId, value)} />
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

/**
 * The box of the output: whether its content has become very high, which pictures and frames say only once they are
 * drawn, and what keeps it at its end while the cell is at work.
 */
function useBox(working: boolean, feed: Feed) {
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const [tall, setTall] = useState(false);
  const follow = useRef({ end: true, top: 0, feed, worked: working });
  if (follow.current.feed !== feed) follow.current = { end: true, top: 0, feed, worked: working };
  const goToEnd = () => {
    const { current } = box;
    if (!current || !follow.current.end || !follow.current.worked) return;
    current.scrollTop = current.scrollHeight;
    follow.current.top = current.scrollTop;
  };
  useLayoutEffect(() => {
    if (working) follow.current.worked = true;
    goToEnd();
    // The last lines come with the end.
    follow.current.worked = working;
  });
  useEffect(() => {
    const element = content.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => {
      setTall(element.offsetHeight > FOLD_HEIGHT_PX);
      goToEnd();
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const onScroll = () => {
    const { current } = box;
    if (!current) return;
    follow.current.end = followsEnd(follow.current.end, follow.current.top, current);
    follow.current.top = current.scrollTop;
  };
  return { box, content, tall, onScroll };
}
