// Catches what is thrown while something is drawn, and draws something else in its place.
import { Component, type ReactNode } from "react";

interface Props {
  children: ReactNode;
  /** Another one is drawn anew, whatever became of the one before. */
  version?: number | undefined;
  instead(error: unknown, again: () => void): ReactNode;
}

interface State {
  error: unknown;
  version: number | undefined;
}

export class DrawGuard extends Component<Props, State> {
  override state: State = { error: null, version: this.props.version };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  static getDerivedStateFromProps({ version }: Props, state: State) {
    return version === state.version ? null : { error: null, version };
  }

  private readonly again = () => this.setState({ error: null });

  override render() {
    const { error } = this.state;
    return error === null ? this.props.children : this.props.instead(error, this.again);
  }
}
