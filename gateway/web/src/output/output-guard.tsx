// Catches what one output throws while it is drawn: it says so, and all others and the code stay.
import type { ReactNode } from "react";
import { translate } from "../i18n/i18n";
import { DrawGuard } from "../ui/draw-guard";

export function OutputGuard({ children }: { children: ReactNode }) {
  return <DrawGuard instead={broken}>{children}</DrawGuard>;
}

/** Said in its turn, and no alert: a notebook that is opened may have many of them. */
function broken() {
  return <div className="notice notice-s notice-bad" role="status" data-testid="output-broken">{translate("output.broken")}</div>;
}
