// Markdown as cleaned HTML. The parser is fetched when the first such output is shown.
import { useEffect, useState } from "react";
import { HtmlView } from "./html-view";
import { typeset } from "./typeset";

export function MarkdownView({ text }: { text: string }) {
  const [html, setHtml] = useState<string | null>(null);
  useEffect(() => {
    let current = true;
    import("./markdown").then(
      ({ htmlOf }) => current && setHtml(htmlOf(text)),
      () => {},
    );
    return () => {
      current = false;
    };
  }, [text]);
  // Until then, and if the parser cannot be had, the text as it was written.
  if (html === null) return <pre className="term">{text}</pre>;
  return (
    <div className="markdown" data-testid="output-markdown">
      <HtmlView html={html} onDrawn={drawFormulas} />
    </div>
  );
}

/** Without the library they stay as they are written. */
function drawFormulas(host: HTMLElement): void {
  typeset(host).catch(() => {});
}
