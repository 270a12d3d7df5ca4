// Catches what a screen throws while it is drawn, so that the page says so instead of going blank.
import { Component, type ReactNode } from "react";
import { translate } from "../i18n/i18n";
import { Button } from "../ui/button";

export class CrashGuard extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null as unknown };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
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
}
