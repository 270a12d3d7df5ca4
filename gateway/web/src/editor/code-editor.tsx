// An editor in the page. Mounted for the cell that is being written in, and for no other.
import type { EditorView } from "@codemirror/view";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { errorText } from "../api/errors";
import { useT } from "../i18n/i18n";
import { CodeView } from "./code-view";
import type { Complete } from "./completion";
import type { Inspect } from "./inspection";
import type { Past } from "./undo";
import { Button } from "../ui/button";
import { editorNow, loadEditor, type EditorModule } from "./load";
import "./code.css";

interface CodeEditorProps {
  code: string;
  label: string;
  caret?: number;
  /** What can be undone since a former editor of this cell; given back when this one goes. */
  past: Past | undefined;
  onPast(past: Past): void;
  onChange(code: string): void;
  onRun(then: "next" | "stay" | "insert"): void;
  onLeave(): void;
  onBlur(): void;
  complete: Complete;
  inspect: Inspect;
  /** What the code is written in, in lower case, and as a person calls it. */
  language: string;
  languageName: string;
}

export function CodeEditor(props: CodeEditorProps) {
  const t = useT();
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [ready, setReady] = useState(false);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let gone = false;
    const loading = loadEditor();
    loading.catch(() => !gone && setFailed(true));
    const mount = (module: EditorModule) => {
      if (gone || !host.current) return;
      const { code, label, caret, language, past } = latest.current;
      setReady(true);
      view.current = module.mountEditor({
        parent: host.current,
        code,
        label,
        language,
        placeholder: t("notebook.placeholder", { language: latest.current.languageName }),
        ...(caret === undefined ? {} : { caret }),
        ...(past === undefined ? {} : { past }),
        onChange: (next) => latest.current.onChange(next),
        onRun: (then) => latest.current.onRun(then),
        onLeave: () => latest.current.onLeave(),
        onBlur: () => latest.current.onBlur(),
        complete: (code, cursor, signal) => latest.current.complete(code, cursor, signal),
        inspect: (code, cursor, signal) => latest.current.inspect(code, cursor, signal),
        words: {
          label: t("keys.inspect"),
          asking: t("notebook.inspectAsking"),
          nothingFound: t("notebook.nothingFound"),
          noAnswer: t("notebook.kernelSilent"),
          cut: (n) => t("notebook.inspectCut", { n }),
          failed: errorText,
        },
      });
    };
    void loading.then(mount, () => {});
    return () => {
      gone = true;
      const past = view.current && editorNow()?.pastOf(view.current.state);
      if (past) latest.current.onPast(past);
      view.current?.destroy();
      view.current = null;
    };
  }, [t]);
  const { language, languageName, code } = props;
  useEffect(() => {
    // What kernel it is may be known only now.
    const editor = view.current;
    const text = t("notebook.placeholder", { language: languageName });
    if (ready && editor) void editorNow()?.setLanguage(editor, { language, placeholder: text });
  }, [ready, language, languageName, t]);
  useLayoutEffect(() => {
    // It may have been written in another tab. Before anything else happens, so that no key that is pressed here is lost.
    const editor = view.current;
    const now = editor?.state.doc.toString();
    if (editor && now !== undefined && now !== code) editor.dispatch({ changes: { from: 0, to: now.length, insert: code } });
  }, [code]);
  return (
    <div className="code-editor" data-testid="editor">
      <div ref={host} />
      {!ready && <CodeView code={code} language={language} />}
      {failed && (
        <div className="notice notice-bad" role="alert" data-testid="editor-failed">
          <span className="grow">{t("notebook.editorFailed")}</span>
          <Button size="s" onClick={() => window.location.reload()}>{t("common.reload")}</Button>
        </div>
      )}
    </div>
  );
}
