// Catches what one output throws while it is drawn: it says so, and all others and the code stay.
import type { MouseEvent, ReactNode } from "react";
import { translate } from "../i18n/i18n";
import { Button } from "../ui/button";
import { DrawGuard } from "../ui/draw-guard";

/** `version` is which of its contents the output shows. */
export function OutputGuard({ version, children }: { version: number; children: ReactNode }) {
  return <DrawGuard version={version} instead={broken}>{children}</DrawGuard>;
}

/** Said in its turn, and no alert: a notebook that is opened may have many of them. */
function broken(_: unknown, again: () => void) {
  const press = ({ currentTarget }: MouseEvent<HTMLElement>) => {
    // The button goes, and with it the focus.
    currentTarget.closest<HTMLElement>("[tabindex]")?.focus();
    again();
  };
  return (
    <div className="notice notice-s notice-bad" role="status" data-testid="output-broken">
      <span className="grow">{translate("output.broken")}</span>
      <Button size="s" onClick={press}>{translate("common.retry")}</Button>
    </div>
  );
}
