// All that an execution said, in order.
import { CircleAlert, Info, Scissors } from "lucide-react";
import { memo, useMemo, useState } from "react";
import type { OutputItem, OutputModel, Truncated } from "../execution/model";
import { useT } from "../i18n/i18n";
import { NoticeKind } from "../gen/fenxi/analysis/v1/output_pb";
import { Button } from "../ui/button";
import { endsOf } from "./ends";
import { noticeOf } from "./notice";
import { OutputGuard } from "./output-guard";
import { InputView } from "./input-view";
import { leftOutText } from "./left-out";
import { RichView } from "./rich-view";
import { AnsiText, TerminalView } from "./terminal-view";
import "./output.css";

interface OutputsProps {
  model: OutputModel;
  executionId: string;
  /** Another text where something was left out than that the execution's limit did it. */
  truncatedText?: ((item: Truncated) => string | undefined) | undefined;
  onReply?: ((inputId: string, value: string) => Promise<void>) | undefined;
}

export function Outputs({ model, executionId, truncatedText, onReply }: OutputsProps) {
  const t = useT();
  const [all, setAll] = useState(false);
  if (model.items.length === 0) return null;
  const open = model.openInput;
  const { first, last, between } = all ? { first: model.items, last: [], between: 0 } : endsOf(model.items);
  const draw = (item: OutputItem) => (
    <OutputGuard key={item.id} version={item.version}>
      <ItemView item={item} version={item.version} executionId={executionId} waiting={item === open} truncatedText={truncatedText} onReply={onReply} />
    </OutputGuard>
  );
  return (
    <div className="outputs" data-testid="outputs" role="log" aria-live="off">
      {first.map(draw)}
      {between > 0 && (
        <Button size="s" className="out-between" onClick={() => setAll(true)} data-testid="show-all-outputs">
          {t("output.between", { between, n: model.items.length })}
        </Button>
      )}
      {last.map(draw)}
    </div>
  );
}

interface ItemProps {
  item: OutputItem;
  version: number;
  executionId: string;
  waiting: boolean;
  truncatedText: OutputsProps["truncatedText"];
  onReply?: ((inputId: string, value: string) => Promise<void>) | undefined;
}

const ItemView = memo(function ItemView({ item, version, executionId, waiting, truncatedText, onReply }: ItemProps) {
  // Drawn again when the language changes.
  useT();
  switch (item.kind) {
    case "stream":
      return <TerminalView log={item.log} name={item.name} version={version} />;
    case "rich":
      return <RichView bundle={item.bundle} executionId={executionId} executionCount={item.executionCount} />;
    case "error":
      return <ErrorView name={item.name} value={item.value} traceback={item.traceback} />;
    case "input":
      return <InputView item={item} waiting={waiting} onReply={onReply} />;
    case "notice":
      return <NoticeView kind={item.notice} text={item.text} />;
    case "truncated":
      return (
        <div className="notice notice-s notice-warn" data-testid="truncated">
          <Scissors aria-hidden />
          <span>{truncatedText?.(item) ?? leftOutText(item)}</span>
        </div>
      );
  }
});

function NoticeView({ kind, text }: { kind: NoticeKind; text: string }) {
  const t = useT();
  const { key, own } = noticeOf(kind);
  return (
    <div className={kind === NoticeKind.INTERRUPT_SENT ? "notice notice-s" : "notice notice-s notice-warn"} data-testid="notice">
      <Info aria-hidden />
      {own === "listing" ? (
        <details className="grow">
          <summary>{t(key)}</summary>
          <pre className="term notice-listing">{text}</pre>
        </details>
      ) : (
        <span>{t(key)} {own === "text" && text}</span>
      )}
    </div>
  );
}

function ErrorView({ name, value, traceback }: { name: string; value: string; traceback: string[] }) {
  const text = useMemo(() => traceback.join("\n"), [traceback]);
  return (
    <div className="out-error" data-testid="output-error">
      <div className="out-error-head">
        <CircleAlert aria-hidden />
        <strong>{name}</strong>
        <span>{value.split("\n")[0]}</span>
      </div>
      {traceback.length > 0 && (
        <pre className="term">
          <AnsiText text={text} />
        </pre>
      )}
    </div>
  );
}
