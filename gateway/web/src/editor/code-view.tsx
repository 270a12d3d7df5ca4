// Python that is only read, coloured once the editor's module is there.
import { useEffect, useMemo, useState } from "react";
import { editorNow, loadEditor } from "./load";
import "./code.css";

/** Above this, colours cost more than they help. */
const HIGHLIGHT_MAX_CHARS = 100_000;

export function CodeView({ code }: { code: string }) {
  const [module, setModule] = useState(editorNow);
  useEffect(() => {
    if (module) return;
    let current = true;
    loadEditor().then((next) => current && setModule(() => next), () => {});
    return () => {
      current = false;
    };
  }, [module]);
  const pieces = useMemo(() => (module && code.length <= HIGHLIGHT_MAX_CHARS ? module.highlight(code) : null), [module, code]);
  return (
    <pre className="code-view">
      {pieces ? pieces.map((piece, index) => (piece.classes ? <span key={index} className={piece.classes}>{piece.text}</span> : piece.text)) : code}
    </pre>
  );
}
