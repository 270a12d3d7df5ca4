// The ways in: a password form, and a button for each identity provider.
import { useQuery } from "@connectrpc/connect-query";
import { useState, type FormEvent } from "react";
import { errorText } from "../../api/errors";
import { auth } from "../../api/transport";
import { AuthService, LoginMethodKind, type LoginMethod } from "../../gen/fenxi/auth/v1/auth_pb";
import type { User } from "../../gen/fenxi/auth/v1/user_pb";
import { useT } from "../../i18n/i18n";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { Failed, Skeleton } from "../../ui/states";

interface LoginFormsProps {
  username?: string;
  returnTo: string;
  onDone(user: User | undefined): void;
  /** A password of this user name was not taken. */
  onRefused?(username: string, error: unknown): void;
}

export function LoginForms({ username, returnTo, onDone, onRefused }: LoginFormsProps) {
  const t = useT();
  const { data, error, refetch } = useQuery(AuthService.method.listLoginMethods, {});
  if (error) return <Failed error={error} onRetry={() => void refetch()} />;
  if (!data) return <Skeleton rows={3} height={36} />;
  if (data.setUpRequired) return <div className="notice notice-warn">{t("login.setUpRequired")}</div>;
  const password = data.loginMethods.some((method) => method.kind === LoginMethodKind.PASSWORD);
  const redirects = data.loginMethods.filter((method) => method.kind === LoginMethodKind.REDIRECT);
  return (
    <div className="stack login-forms">
      {redirects.map((method) => <RedirectButton key={method.loginMethodId} method={method} returnTo={returnTo} />)}
      {password && redirects.length > 0 && <div className="login-or"><span>{t("login.or")}</span></div>}
      {password && <PasswordForm username={username ?? ""} onDone={onDone} onRefused={onRefused} />}
      {data.loginMethods.length === 0 && <div className="notice notice-warn">{t("login.noMethods")}</div>}
    </div>
  );
}

function RedirectButton({ method, returnTo }: { method: LoginMethod; returnTo: string }) {
  const t = useT();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  // Written differently in each language, unlike the others.
  const name = method.loginMethodId === "feishu" ? t("login.feishu") : method.displayName;
  const begin = async () => {
    setBusy(true);
    setError(null);
    try {
      const { authorizeUrl } = await auth.beginLogin({ loginMethodId: method.loginMethodId, returnTo });
      const url = new URL(authorizeUrl);
      if (url.protocol !== "https:" && url.protocol !== "http:") throw new Error("authorize_url is no web address");
      window.location.assign(url);
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <div>
      <Button size="l" className="login-wide" busy={busy} onClick={() => void begin()} data-testid={`login-${method.loginMethodId}`}>
        {t("login.with", { name })}
      </Button>
      {error !== null && <div className="field-error" role="alert">{errorText(error)}</div>}
    </div>
  );
}

function PasswordForm({ username, onDone, onRefused }: Pick<LoginFormsProps, "onDone"> & { username: string; onRefused: LoginFormsProps["onRefused"] }) {
  const t = useT();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const name = String(form.get("username") ?? "").trim();
    setBusy(true);
    setError(null);
    try {
      const { user } = await auth.loginWithPassword({ username: name, password: String(form.get("password") ?? "") });
      onDone(user);
    } catch (failure) {
      setError(failure);
      onRefused?.(name, failure);
    }
    setBusy(false);
  };
  return (
    <form className="stack" onSubmit={(event) => void submit(event)}>
      <Field label={t("login.username")} name="username" defaultValue={username} autoComplete="username" autoCapitalize="none" spellCheck={false} required maxLength={64} autoFocus={username === ""} />
      <Field label={t("login.password")} name="password" type="password" autoComplete="current-password" required maxLength={256} autoFocus={username !== ""} />
      {error !== null && <div className="field-error" role="alert" data-testid="login-error">{errorText(error)}</div>}
      <Button type="submit" variant="primary" size="l" className="login-wide" busy={busy}>{t("login.signIn")}</Button>
    </form>
  );
}
