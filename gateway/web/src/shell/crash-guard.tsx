// Catches what a screen throws while it is drawn, so that the page says so instead of going blank.
import type { ReactNode } from "react";
import { translate } from "../i18n/i18n";
import { Button } from "../ui/button";
import { DrawGuard } from "../ui/draw-guard";

export function CrashGuard({ children }: { children: ReactNode }) {
  return <DrawGuard instead={crashed}>{children}</DrawGuard>;
}

function crashed(error: unknown) {
  // A screen's script that is gone means that a new version was installed while the page was open.
  const outdated = error instanceof Error && /dynamically imported module|Importing a module/i.test(error.message);
  return (
    <div className="state state-bad" role="alert">
      <h2>{translate(outdated ? "common.newVersion" : "common.crashed")}</h2>
      <p className="mono small">{outdated ? "" : String(error)}</p>
      <Button variant="primary" onClick={() => window.location.reload()}>{translate("common.reload")}</Button>
    </div>
  );
}
