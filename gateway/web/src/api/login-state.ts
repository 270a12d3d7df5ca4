// Whether the login of this page has run out. Work on the page stays; streams wait here until someone signs in again.
import { Notifier } from "../execution/store";

class LoginState {
  readonly notifier = new Notifier();
  expired = false;
  private waiting: (() => void)[] = [];

  expire(): void {
    if (this.expired) return;
    this.expired = true;
    this.notifier.flush();
  }

  renew(): void {
    this.expired = false;
    for (const go of this.waiting.splice(0)) go();
    this.notifier.flush();
  }

  /** Ends once the login is good, or `signal` fires. */
  renewed(signal: AbortSignal): Promise<void> {
    if (!this.expired) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}

export const loginState = new LoginState();
