// Changes the person's own password; their other devices are signed out.
import { useMutation } from "@tanstack/react-query";
import { useRef, useState, type FormEvent } from "react";
import { errorText } from "../../api/errors";
import { Once } from "../../api/once";
import { auth } from "../../api/transport";
import { useT } from "../../i18n/i18n";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { toast } from "../../ui/toast";

export function ChangePassword() {
  const t = useT();
  const form = useRef<HTMLFormElement>(null);
  const [differ, setDiffer] = useState(false);
  const [once] = useState(() => new Once());
  const change = useMutation({
    mutationFn: (request: { currentPassword: string; newPassword: string }) =>
      once.call(JSON.stringify(request), (requestId) => auth.changePassword({ ...request, requestId })),
    onSuccess: () => {
      form.current?.reset();
      toast(t("settings.passwordChanged"));
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const text = (name: string) => String(data.get(name) ?? "");
    const same = text("next") === text("again");
    setDiffer(!same);
    if (same) change.mutate({ currentPassword: text("current"), newPassword: text("next") });
  };
  return (
    <section className="card card-pad stack">
      <h2>{t("settings.changePassword")}</h2>
      <p className="muted">{t("settings.changePasswordText")}</p>
      <form ref={form} className="stack narrow" onSubmit={submit}>
        <Field label={t("settings.currentPassword")} name="current" type="password" autoComplete="current-password" required maxLength={256} />
        <Field label={t("settings.newPassword")} hint={t("users.passwordRule")} name="next" type="password" autoComplete="new-password" required minLength={10} maxLength={256} />
        <Field label={t("login.passwordAgain")} name="again" type="password" autoComplete="new-password" required maxLength={256} error={differ ? t("login.passwordsDiffer") : null} />
        {change.error && <div className="field-error" role="alert">{errorText(change.error)}</div>}
        <div><Button type="submit" variant="primary" busy={change.isPending}>{t("settings.changePassword")}</Button></div>
      </form>
    </section>
  );
}
