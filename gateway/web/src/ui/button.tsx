// Buttons, the plain and the icon-only ones. An icon-only button always has a name and a tip.
import { Tooltip } from "radix-ui";
import type { ButtonHTMLAttributes, MouseEvent, ReactNode, Ref } from "react";
import { Link } from "wouter";

type Variant = "default" | "primary" | "ghost" | "danger";

function classOf(variant: Variant, size: string | undefined, extra = "", icon = false): string {
  const parts = ["btn", variant === "default" ? "" : `btn-${variant}`, size ? `btn-${size}` : "", icon ? "btn-icon" : "", extra];
  return parts.filter(Boolean).join(" ");
}

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  variant?: Variant;
  size?: "s" | "l";
  icon?: ReactNode;
  busy?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

/** A press that comes to nothing: neither what is around the button nor its form hears of it. */
function ignore(event: MouseEvent): void {
  event.preventDefault();
  event.stopPropagation();
}

export function Button({ variant = "default", size, icon, busy, children, className, onClick, ...rest }: ButtonProps) {
  // A busy one keeps the focus, which one that is disabled loses for good.
  return (
    <button type="button" className={classOf(variant, size, className)} {...rest} {...(busy ? { "aria-disabled": true, onClick: ignore } : { onClick })}>
      {busy ? <span className="spinner" aria-hidden /> : icon}
      {children}
    </button>
  );
}

export function IconButton({ label, icon, variant = "ghost", size, className, ...rest }: ButtonProps & { label: string }) {
  return (
    <Tip text={label}>
      <button type="button" aria-label={label} className={classOf(variant, size, className, true)} {...rest}>
        {icon}
      </button>
    </Tip>
  );
}

export function Tip({ text, children }: { text: string; children: ReactNode }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content className="tip" sideOffset={6}>
          {text}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

export function LinkButton(props: { href: string; variant?: Variant; size?: "s" | "l"; icon?: ReactNode; children: ReactNode }) {
  return (
    <Link href={props.href} className={classOf(props.variant ?? "default", props.size)}>
      {props.icon}
      {props.children}
    </Link>
  );
}
