// Short messages at the foot of the page, some with a way to undo. An error stays until it is closed, or others need its place.
import { X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { errorText } from "../api/errors";
import { Notifier, useNotifier } from "../execution/store";
import { useT } from "../i18n/i18n";
import { IconButton } from "./button";
import { useFocusReturn } from "./focus-return";

const SHOWN_MS = 4_000;
const SHOWN_WITH_ACTION_MS = 8_000;
const TOASTS_MAX = 3;

interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action?: { label: string; run(): void };
}

const notifier = new Notifier();
let toasts: Toast[] = [];
let nextId = 0;

function drop(id: number): void {
  toasts = toasts.filter((toast) => toast.id !== id);
  notifier.flush();
}

/** What is said again stands once: repeated, it would drive others out that can still be undone. */
export function withNewest(shown: Toast[], newest: Toast): Toast[] {
  const others = shown.filter((each) => each.action || each.text !== newest.text);
  return [...others.slice(1 - TOASTS_MAX), newest];
}

export function toast(text: string, action?: Toast["action"], bad = false): void {
  const id = nextId++;
  toasts = withNewest(toasts, { id, text, bad, ...(action ? { action } : {}) });
  notifier.flush();
}

export function toastError(error: unknown): void {
  toast(errorText(error), undefined, true);
}

export function Toasts() {
  useNotifier(notifier);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map((each) => <Row key={each.id} toast={each} />)}
    </div>
  );
}

function Row({ toast: { id, text, bad, action } }: { toast: Toast }) {
  const t = useT();
  // Nothing goes from under the pointer, or with the focus.
  const [over, setOver] = useState(false);
  const [focused, setFocused] = useState(false);
  const stays = bad || over || focused;
  useEffect(() => {
    if (stays) return;
    const timer = setTimeout(() => drop(id), action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
    return () => clearTimeout(timer);
  }, [stays, id, action]);
  const before = useRef<HTMLElement | null>(null);
  const willGo = useFocusReturn(() => {
    const place = before.current?.isConnected ? before.current : document.getElementById("main");
    place?.focus({ preventScroll: true });
  });
  return (
    <div
      className={bad ? "toast toast-bad" : "toast"}
      data-testid="toast"
      onPointerEnter={() => setOver(true)}
      onPointerLeave={() => setOver(false)}
      onFocus={({ currentTarget, relatedTarget }) => {
        if (!currentTarget.contains(relatedTarget)) before.current = relatedTarget as HTMLElement | null;
        setFocused(true);
        willGo();
      }}
      onBlur={() => setFocused(false)}
    >
      <span>{text}</span>
      {action && (
        <button
          type="button"
          onClick={() => {
            drop(id);
            action.run();
          }}
        >
          {action.label}
        </button>
      )}
      <IconButton label={t("common.close")} icon={<X />} size="s" onClick={() => drop(id)} />
    </div>
  );
}
