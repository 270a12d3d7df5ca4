// Code that is only read, coloured once the editor's module is there.
import { useEffect, useMemo, useState } from "react";
import { editorNow, loadEditor } from "./load";
import "./code.css";

/** Above this, colours cost more than they help. */
const HIGHLIGHT_MAX_CHARS = 100_000;

export function CodeView({ code, language = "python" }: { code: string; language?: string }) {
  const [module, setModule] = useState(editorNow);
  const [known, setKnown] = useState("python");
  useEffect(() => {
    if (module && known === language) return;
    let current = true;
    const ready = loadEditor().then(async (next) => {
      await next.loadLanguage(language);
      if (!current) return;
      setModule(() => next);
      setKnown(language);
    });
    ready.catch(() => {});
    return () => {
      current = false;
    };
  }, [module, known, language]);
  const pieces = useMemo(() => (module && code.length <= HIGHLIGHT_MAX_CHARS ? module.highlight(code, language) : null), [module, code, language, known]);
  return (
    <pre className="code-view">
      {pieces ? pieces.map((piece, index) => (piece.classes ? <span key={index} className={piece.classes}>{piece.text}</span> : piece.text)) : code}
    </pre>
  );
}
