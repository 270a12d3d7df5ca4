// Catches what is thrown while something is drawn, and draws something else in its place.
import { Component, type ReactNode } from "react";

interface Props {
  children: ReactNode;
  instead(error: unknown): ReactNode;
}

export class DrawGuard extends Component<Props, { error: unknown }> {
  override state = { error: null as unknown };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    return error === null ? this.props.children : this.props.instead(error);
  }
}
