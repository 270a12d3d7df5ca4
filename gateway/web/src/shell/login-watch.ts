// Who is signed in may change in another tab. A page looks for that when the other tab says so, and, where its login has
// run out, when it is looked at; work of the same person goes on, that of another has nothing to go on here.
import { loginState } from "../api/login-state";
import { newRequestId, queryClient } from "../api/query";
import { auth } from "../api/transport";
import type { User } from "../gen/fenxi/auth/v1/user_pb";
import { keep } from "../ui/kept";

/** Its change says that someone has signed in. */
const SIGNAL = "fenxi.login";

/** Tells the other tabs that someone has signed in. */
export function announceLogin(): void {
  // Where nothing is kept, other tabs find out when they are looked at.
  keep(SIGNAL, newRequestId());
}

/** Someone has signed in on a page that was `userId`'s. */
export function signedIn(user: User | undefined, userId: string): void {
  // Another person: nothing on this page is theirs, and nothing of it may go on in their name.
  if (user && user.userId !== userId) return window.location.assign("/");
  if (!loginState.expired) return;
  loginState.renew();
  void queryClient.invalidateQueries();
}

/** Looks for a login made elsewhere until `signal` fires. */
export function watchLogin(userId: string, signal: AbortSignal): void {
  let asking = false;
  const look = async () => {
    if (asking) return;
    asking = true;
    try {
      const { user } = await auth.getCurrentUser({}, { signal });
      if (user && !signal.aborted) signedIn(user, userId);
    } catch {
      // Nobody has signed in, or it cannot be told just now: the page goes on as it is.
    }
    asking = false;
  };
  const looked = () => loginState.expired && document.visibilityState === "visible" && void look();
  document.addEventListener("visibilitychange", looked, { signal });
  window.addEventListener("focus", looked, { signal });
  window.addEventListener("storage", ({ key }) => key === SIGNAL && void look(), { signal });
}
