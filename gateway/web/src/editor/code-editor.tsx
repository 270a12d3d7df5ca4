// An editor in the page. Mounted for the cell that is being written in, and for no other.
import type { EditorView } from "@codemirror/view";
import { useEffect, useRef, useState } from "react";
import { useT } from "../i18n/i18n";
import { CodeView } from "./code-view";
import type { Complete } from "./completion";
import type { Inspect } from "./inspection";
import { loadEditor } from "./load";
import "./code.css";

interface CodeEditorProps {
  code: string;
  label: string;
  caret?: number;
  onChange(code: string): void;
  onRun(then: "next" | "stay" | "insert"): void;
  onLeave(): void;
  onBlur(): void;
  complete: Complete;
  inspect: Inspect;
}

export function CodeEditor(props: CodeEditorProps) {
  const t = useT();
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [ready, setReady] = useState(false);
  useEffect(() => {
    let gone = false;
    void loadEditor().then((module) => {
      if (gone || !host.current) return;
      const { code, label, caret } = latest.current;
      setReady(true);
      view.current = module.mountEditor({
        parent: host.current,
        code,
        label,
        placeholder: t("notebook.placeholder"),
        ...(caret === undefined ? {} : { caret }),
        onChange: (next) => latest.current.onChange(next),
        onRun: (then) => latest.current.onRun(then),
        onLeave: () => latest.current.onLeave(),
        onBlur: () => latest.current.onBlur(),
        complete: (code, cursor, signal) => latest.current.complete(code, cursor, signal),
        inspect: (code, cursor, signal) => latest.current.inspect(code, cursor, signal),
        nothingFound: t("notebook.nothingFound"),
      });
    });
    return () => {
      gone = true;
      view.current?.destroy();
      view.current = null;
    };
  }, [t]);
  return (
    <div className="code-editor" data-testid="editor">
      <div ref={host} />
      {!ready && <CodeView code={props.code} />}
    </div>
  );
}
