// A line of input that the code asks for.
import { useEffect, useRef, useState, type FormEvent } from "react";
import { errorText } from "../api/errors";
import type { OutputItem } from "../execution/model";
import { useT } from "../i18n/i18n";
import { Button } from "../ui/button";
import { mayTakeFocus } from "./input-focus";

type Item = Extract<OutputItem, { kind: "input" }>;
type Reply = (inputId: string, value: string) => Promise<void>;

interface InputProps {
  item: Item;
  waiting: boolean;
  onReply?: Reply | undefined;
}

export function InputView({ item, waiting, onReply }: InputProps) {
  if (waiting && onReply) return <InputForm item={item} onReply={onReply} />;
  const shown = item.reply === null ? "" : item.password ? "••••••" : item.reply;
  return <pre className="term">{item.prompt}{shown}</pre>;
}

function InputForm({ item, onReply }: { item: Item; onReply: Reply }) {
  const t = useT();
  const field = useRef<HTMLInputElement>(null);
  const [value, setValue] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    // Who has just run this cell is asked for something: that is where the caret belongs. Who writes elsewhere by now would
    // answer with it, and sees the field by its frame.
    if (field.current && mayTakeFocus(document.activeElement, field.current)) field.current.focus();
  }, []);
  const send = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await onReply(item.inputId, value);
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return (
    <form className="out-input" onSubmit={(event) => void send(event)} data-testid="input-request">
      <label className="mono" htmlFor={`input-${item.inputId}`}>{item.prompt || t("output.inputWanted")}</label>
      <input
        ref={field}
        id={`input-${item.inputId}`}
        className="input"
        type={item.password ? "password" : "text"}
        autoComplete="off"
        value={value}
        onChange={(event) => setValue(event.target.value)}
        onKeyDown={(event) => {
          // Enter that ends a composition of an input method is not an answer.
          if (event.key === "Enter" && (event.nativeEvent.isComposing || event.keyCode === 229)) event.preventDefault();
        }}
      />
      <Button type="submit" variant="primary" size="s" busy={busy}>{t("output.send")}</Button>
      {error !== null && <span className="field-error">{errorText(error)}</span>}
    </form>
  );
}
