// The door: sign in, or make the first administrator by the one-time link.
import { useState, type FormEvent, type ReactNode } from "react";
import { useLocation, useSearchParams } from "wouter";
import { errorText, reasonText } from "../../api/errors";
import { loginState } from "../../api/login-state";
import { queryClient } from "../../api/query";
import { auth } from "../../api/transport";
import { currentLanguage, setLanguage, useT } from "../../i18n/i18n";
import { announceLogin } from "../../shell/login-watch";
import { Logo } from "../../shell/logo";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { keep, kept } from "../../ui/kept";
import { LoginForms } from "./forms";
import { safePath } from "./safe-path";
import "./login.css";

/** Where the set-up token waits over a reload of this tab. */
const SETUP_TOKEN = "fenxi.setup";

export function LoginScreen() {
  const t = useT();
  const [search] = useSearchParams();
  const returnTo = safePath(search.get("return_to"));
  const failure = search.get("error");
  return (
    <Door title={t("login.title")} text={t("login.lead")}>
      {failure && <div className="notice notice-bad" role="alert">{reasonText(failure) ?? t("login.failed")}</div>}
      <LoginForms returnTo={returnTo} onDone={() => enter(returnTo)} />
    </Door>
  );
}

function enter(path: string): void {
  keep(SETUP_TOKEN, null, "sessionStorage");
  loginState.renew();
  announceLogin();
  queryClient.clear();
  // A full load: nothing of a former person's page is left in memory.
  window.location.assign(path);
}

export function SetUpScreen() {
  const t = useT();
  const [, go] = useLocation();
  const [token] = useState(takeToken);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "");
    if (text("password") !== text("again")) return setError(t("login.passwordsDiffer"));
    setBusy(true);
    setError(null);
    try {
      await auth.setUpAdministrator({
        setupToken: token,
        username: text("username").trim(),
        password: text("password"),
        displayName: text("displayName").trim(),
      });
      enter("/");
    } catch (failure) {
      setError(errorText(failure));
    }
    setBusy(false);
  };
  if (token === "") {
    return (
      <Door title={t("setup.title")} text={t("setup.noToken")}>
        <Button onClick={() => go("/login")}>{t("login.signIn")}</Button>
      </Door>
    );
  }
  return (
    <Door title={t("setup.title")} text={t("setup.lead")}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <Field label={t("login.username")} hint={t("users.usernameRule")} name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required minLength={3} maxLength={64} autoFocus />
        <Field label={t("users.displayName")} name="displayName" autoComplete="name" maxLength={100} />
        <Field label={t("login.password")} hint={t("users.passwordRule")} name="password" type="password" autoComplete="new-password" required minLength={10} maxLength={256} />
        <Field label={t("login.passwordAgain")} name="again" type="password" autoComplete="new-password" required maxLength={256} />
        {error && <div className="field-error" role="alert">{error}</div>}
        <Button type="submit" variant="primary" size="l" className="login-wide" busy={busy}>{t("setup.create")}</Button>
      </form>
    </Door>
  );
}

/** The token of the one-time link. It leaves the address bar and the history at once. */
function takeToken(): string {
  const token = new URLSearchParams(window.location.hash.slice(1)).get("token") ?? "";
  if (token !== "") {
    keep(SETUP_TOKEN, token, "sessionStorage");
    window.history.replaceState(null, "", "/setup");
  }
  return token || (kept(SETUP_TOKEN, "sessionStorage") ?? "");
}

function Door({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  const t = useT();
  const other = currentLanguage() === "en" ? ("zh-CN" as const) : ("en" as const);
  return (
    <div className="door">
      <section className="door-show" aria-hidden>
        <div className="door-brand"><Logo size={36} />{t("app.name")}</div>
        <DoorPicture />
        <p className="door-words">{t("app.tagline")}</p>
      </section>
      <main className="door-main">
        <div className="door-box">
          <div className="door-mark"><Logo size={40} /></div>
          <h1>{title}</h1>
          <p className="muted">{text}</p>
          {children}
        </div>
        <Button variant="ghost" size="s" onClick={() => setLanguage(other)} lang={other}>{other === "en" ? "English" : "中文"}</Button>
      </main>
    </div>
  );
}

function DoorPicture() {
  const bars = [38, 62, 47, 80, 58, 96, 72, 110, 88, 128];
  return (
    <svg viewBox="0 0 420 240" className="door-picture">
      {[40, 90, 140, 190].map((y) => <line key={y} x1="10" x2="410" y1={y} y2={y} stroke="#fff" strokeOpacity="0.12" />)}
      {bars.map((height, index) => (
        <rect key={index} x={22 + index * 39} y={200 - height} width="20" height={height} rx="5" fill="#fff" fillOpacity={0.22 + index * 0.035} />
      ))}
      <path d="M32 150 C 80 120, 110 140, 150 104 S 230 116, 270 78 S 350 62, 394 30" fill="none" stroke="#fff" strokeWidth="3.5" strokeLinecap="round" />
      <circle cx="394" cy="30" r="6.5" fill="#fff" />
    </svg>
  );
}
