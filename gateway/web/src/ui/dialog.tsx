// Dialogs: one with any content, one that asks before something is lost.
import { X } from "lucide-react";
import { AlertDialog, Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { useT } from "../i18n/i18n";
import { Button, IconButton } from "./button";
import { useOpener } from "./opener";

interface DialogProps {
  open: boolean;
  onClose(): void;
  title: string;
  description?: string;
  wide?: boolean;
  /** Closed by nothing but what is in it: not by Esc, nor by a press beside it. */
  held?: boolean;
  children: ReactNode;
  footer?: ReactNode;
  testId?: string;
}

export function Dialog({ open, onClose, title, description, wide, held = false, children, footer, testId }: DialogProps) {
  const t = useT();
  const onCloseAutoFocus = useOpener(open);
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && !held && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="overlay" />
        <Radix.Content
          className={wide ? "dialog dialog-wide" : "dialog"}
          data-testid={testId}
          onOpenAutoFocus={(event) => {
            // Not the close button, which comes first: the field that asks for it by `data-focus`, or the dialog itself.
            // A field with `autoFocus` would lose it to the menu that closes behind the dialog.
            event.preventDefault();
            const content = event.currentTarget as HTMLElement;
            (content.querySelector<HTMLElement>("[data-focus]") ?? content).focus();
          }}
          onCloseAutoFocus={onCloseAutoFocus}
          {...(description ? {} : { "aria-describedby": undefined })}
        >
          <div className="dialog-head">
            <Radix.Title asChild>
              <h2>{title}</h2>
            </Radix.Title>
            {!held && <IconButton label={t("common.close")} icon={<X />} size="s" onClick={onClose} />}
          </div>
          <div className="dialog-body">
            {description && <Radix.Description className="muted dialog-lead">{description}</Radix.Description>}
            {children}
          </div>
          {footer && <div className="dialog-foot">{footer}</div>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface ConfirmProps {
  open: boolean;
  title: string;
  text: string;
  action: string;
  busy?: boolean;
  onConfirm(): void;
  onClose(): void;
}

export function Confirm({ open, title, text, action, busy, onConfirm, onClose }: ConfirmProps) {
  const t = useT();
  const onCloseAutoFocus = useOpener(open);
  return (
    <AlertDialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="overlay" />
        <AlertDialog.Content className="dialog" onCloseAutoFocus={onCloseAutoFocus}>
          <div className="dialog-head">
            <AlertDialog.Title asChild>
              <h2>{title}</h2>
            </AlertDialog.Title>
          </div>
          <div className="dialog-body">
            <AlertDialog.Description className="muted">{text}</AlertDialog.Description>
          </div>
          <div className="dialog-foot">
            <AlertDialog.Cancel asChild>
              <Button>{t("common.cancel")}</Button>
            </AlertDialog.Cancel>
            <Button variant="danger" busy={busy ?? false} onClick={onConfirm}>
              {action}
            </Button>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
