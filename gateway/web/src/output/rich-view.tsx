// One rich output in the best of its forms.
import { Download } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { errorText } from "../api/errors";
import type { MimeBundle } from "../gen/fenxi/analysis/v1/output_pb";
import { bytes } from "../i18n/format";
import { useT } from "../i18n/i18n";
import { Button, IconButton } from "../ui/button";
import { choose, needsSandbox, sizeOf, type Choice } from "./choose";
import { asBlob, asText, contentOf, saveAs, saveBlob, useContent, type Content } from "./content";
import { HtmlView } from "./html-view";
import { indented } from "./json-text";
import { LatexView } from "./latex-view";
import { blocksOf, fileNameOf, unaskedMaxBytes } from "./large";
import { MarkdownView } from "./markdown-view";
import { hasMaths } from "./maths";
import { pictureSize, type PictureSize } from "./picture-size";
import { SandboxView } from "./sandbox-view";
import { AnsiText } from "./terminal-view";

export function RichView({ bundle, executionId, executionCount }: { bundle: MimeBundle; executionId: string; executionCount: number }) {
  const t = useT();
  const choice = useMemo(() => choose(bundle), [bundle]);
  if (!choice) return <div className="muted small out-pad">{t("output.unknownForm")}</div>;
  return (
    <div className="out-rich" data-result={executionCount > 0 || undefined}>
      <Loaded choice={choice} executionId={executionId} metadataJson={bundle.metadataJson} />
    </div>
  );
}

function Loaded({ choice, executionId, metadataJson }: { choice: Choice; executionId: string; metadataJson: string }) {
  const t = useT();
  const size = sizeOf(choice.part);
  const [asked, setAsked] = useState(false);
  const wanted = asked || size <= unaskedMaxBytes(choice.view);
  const { ready, error, retry } = useContent(executionId, choice.part, wanted);
  if (!wanted) {
    return (
      <div className="row wrap">
        <Button size="s" onClick={() => setAsked(true)} data-testid="show-large">{t("output.showLarge", { size: bytes(size) })}</Button>
        <SaveLarge choice={choice} executionId={executionId} />
      </div>
    );
  }
  if (error) {
    return (
      <div className="notice notice-bad">
        {errorText(error)} <Button size="s" onClick={retry}>{t("common.retry")}</Button>
      </div>
    );
  }
  if (!ready) return <div className="skeleton" style={{ height: 160 }} role="status" aria-label={t("common.loading")} />;
  return <Shown choice={choice} content={ready} metadataJson={metadataJson} />;
}

/** A file of what is too large to be drawn unasked. */
function SaveLarge({ choice: { part }, executionId }: { choice: Choice; executionId: string }) {
  const t = useT();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const save = async () => {
    setBusy(true);
    setFailure(null);
    try {
      saveBlob(asBlob(await contentOf(executionId, part), part.mimeType), fileNameOf(part.mimeType));
    } catch (error) {
      setFailure(error);
    }
    setBusy(false);
  };
  return (
    <>
      <Button size="s" icon={<Download />} busy={busy} onClick={() => void save()}>{t("output.save")}</Button>
      {failure !== null && <span className="field-error">{errorText(failure)}</span>}
    </>
  );
}

function Shown({ choice, content, metadataJson }: { choice: Choice; content: Content; metadataJson: string }) {
  const t = useT();
  const text = useMemo(() => (choice.view === "image" || choice.view === "svg" ? "" : asText(content)), [choice.view, content]);
  switch (choice.view) {
    case "plotly":
      return <SandboxView kind="plotly" content={text} title={t("output.chart")} />;
    case "html":
      return needsSandbox(text) ? <SandboxView kind="html" content={text} title={t("output.richOutput")} /> : <HtmlView html={text} />;
    case "markdown":
      return <MarkdownView text={text} />;
    case "svg":
    case "image":
      return <ImageView content={content} type={choice.part.mimeType} size={pictureSize(metadataJson, choice.part.mimeType)} />;
    case "json":
      return <JsonView text={text} />;
    default:
      if (choice.view === "latex" && hasMaths(text)) return <LatexView text={text} />;
      return <pre className="term" data-testid="output-text">{text.includes("\x1b") ? <AnsiText text={text} /> : <Blocks text={text} />}</pre>;
  }
}

function JsonView({ text }: { text: string }) {
  const shown = useMemo(() => indented(text), [text]);
  return <pre className="term" data-testid="output-json"><Blocks text={shown} /></pre>;
}

function Blocks({ text }: { text: string }) {
  const blocks = useMemo(() => blocksOf(text), [text]);
  if (blocks.length === 1) return text;
  return blocks.map((block, at) => <span key={at} className="term-block">{block}</span>);
}

function ImageView({ content, type, size }: { content: Content; type: string; size: PictureSize }) {
  const t = useT();
  const [url, setUrl] = useState<string | null>(null);
  const [broken, setBroken] = useState(false);
  useEffect(() => {
    const made = URL.createObjectURL(asBlob(content, type));
    setUrl(made);
    setBroken(false);
    return () => URL.revokeObjectURL(made);
  }, [content.bytes, content.text, type]);
  if (broken) return <div className="notice notice-bad">{t("output.imageBroken")}</div>;
  if (!url) return null;
  return (
    <figure className="out-image" data-testid="output-image" data-mime={type}>
      <img src={url} style={size} alt={t("output.chart")} onError={() => setBroken(true)} />
      <IconButton label={t("output.saveImage")} icon={<Download />} size="s" onClick={() => saveAs(url, fileNameOf(type))} />
    </figure>
  );
}
