// What is wrong just now and concerns the whole page: no network, a login that ran out.
import { LogIn, WifiOff } from "lucide-react";
import { useState, useSyncExternalStore } from "react";
import { detailsOf } from "../api/error-details";
import { loginState } from "../api/login-state";
import { useNotifier } from "../execution/store";
import { useT } from "../i18n/i18n";
import { LoginForms } from "../screens/login/forms";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { announceLogin, signedIn } from "./login-watch";
import { useUser } from "./user";

function useOnline(): boolean {
  return useSyncExternalStore(
    (listener) => {
      window.addEventListener("online", listener);
      window.addEventListener("offline", listener);
      return () => {
        window.removeEventListener("online", listener);
        window.removeEventListener("offline", listener);
      };
    },
    () => navigator.onLine,
  );
}

export function Banners() {
  const t = useT();
  const online = useOnline();
  useNotifier(loginState.notifier);
  return (
    <>
      {!online && (
        <div className="banner" role="status">
          <WifiOff aria-hidden />
          {t("banner.offline")}
        </div>
      )}
      {loginState.expired && <ExpiredLogin />}
    </>
  );
}

function ExpiredLogin() {
  const t = useT();
  const user = useUser();
  const [open, setOpen] = useState(false);
  const [disabled, setDisabled] = useState(false);
  // Only who tries to sign in is told that the account is disabled.
  const text = t(disabled ? "reasons.USER_DISABLED" : "banner.expired");
  return (
    <div className="banner banner-warn" role="alert" data-testid="expired-login">
      <LogIn aria-hidden />
      <span className="grow">{text}</span>
      <Button size="s" variant="primary" onClick={() => setOpen(true)}>{t("banner.signInAgain")}</Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={t("banner.signInAgain")} description={text}>
        <LoginForms
          username={user.username}
          onRefused={(name, error) => setDisabled(name === user.username && detailsOf(error).reason === "USER_DISABLED")}
          returnTo={window.location.pathname}
          onDone={(next) => {
            announceLogin();
            signedIn(next, user.userId);
          }}
        />
      </Dialog>
    </div>
  );
}
