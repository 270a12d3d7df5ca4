// Catches what one output throws while it is drawn: it says so, and all others and the code stay.
import { Component, type ReactNode } from "react";
import { translate } from "../i18n/i18n";

export class OutputGuard extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null as unknown };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return <div className="notice notice-s notice-bad" role="alert" data-testid="output-broken">{translate("output.broken")}</div>;
  }
}
