// Makes a local account; gives one a new password.
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { errorText } from "../../api/errors";
import { Once } from "../../api/once";
import { changed } from "../../api/query";
import { type User, UserRole, UserService } from "../../gen/fenxi/auth/v1/user_pb";
import { currentLanguage, fill, useT } from "../../i18n/i18n";
import { WORDS } from "../../i18n/user-words";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { Field, Select } from "../../ui/field";
import { toast } from "../../ui/toast";
import { users } from "./users";

function read(event: FormEvent<HTMLFormElement>): (name: string) => string {
  event.preventDefault();
  const form = new FormData(event.currentTarget);
  return (name) => String(form.get(name) ?? "");
}

export function CreateUser({ open, onClose }: { open: boolean; onClose(): void }) {
  const t = useT();
  const [once] = useState(() => new Once());
  const create = useMutation({
    mutationFn: (text: (name: string) => string) => {
      const content = {
        username: text("username").trim(),
        displayName: text("displayName").trim(),
        password: text("password"),
        role: Number(text("role")) as UserRole,
      };
      return once.call(JSON.stringify(content), (requestId) => users.createUser({ ...content, requestId }));
    },
    onSuccess: () => {
      toast(t("users.created"));
      close();
      void changed(UserService);
    },
  });
  const close = () => {
    create.reset();
    once.forget();
    onClose();
  };
  return (
    <Dialog
      open={open}
      onClose={close}
      title={t("users.create")}
      description={WORDS[currentLanguage()].createText}
      footer={
        <>
          <Button onClick={close}>{t("common.cancel")}</Button>
          <Button type="submit" form="create-user" variant="primary" busy={create.isPending}>{t("users.create")}</Button>
        </>
      }
    >
      <form id="create-user" className="stack" onSubmit={(event) => create.mutate(read(event))} autoComplete="off">
        <Field label={t("login.username")} hint={t("users.usernameRule")} name="username" required minLength={3} maxLength={64} autoCapitalize="none" spellCheck={false} data-focus />
        <Field label={t("users.displayName")} name="displayName" maxLength={100} />
        <Field label={t("login.password")} hint={t("users.passwordRule")} name="password" type="password" autoComplete="new-password" required minLength={10} maxLength={256} />
        <Select label={t("users.role")} name="role" defaultValue={UserRole.MEMBER}>
          <option value={UserRole.MEMBER}>{t("users.member")}</option>
          <option value={UserRole.ADMINISTRATOR}>{t("users.administrator")}</option>
        </Select>
        {create.error && <div className="field-error" role="alert">{errorText(create.error)}</div>}
      </form>
    </Dialog>
  );
}

export function SetPassword({ user, onClose }: { user: User | null; onClose(): void }) {
  const t = useT();
  const [once] = useState(() => new Once());
  const change = useMutation({
    mutationFn: (password: string) =>
      once.call(password, (requestId) => users.updateUser({ user: { userId: user?.userId ?? "" }, updateMask: { paths: ["password"] }, password, requestId })),
    onSuccess: () => {
      toast(t("settings.passwordChanged"));
      close();
    },
  });
  const close = () => {
    change.reset();
    once.forget();
    onClose();
  };
  return (
    <Dialog
      open={user !== null}
      onClose={close}
      title={t("users.setPassword")}
      description={fill(WORDS[currentLanguage()].setPasswordText, { name: user?.displayName || user?.username || "" })}
      footer={
        <>
          <Button onClick={close}>{t("common.cancel")}</Button>
          <Button type="submit" form="set-password" variant="primary" busy={change.isPending}>{t("common.save")}</Button>
        </>
      }
    >
      <form id="set-password" className="stack" onSubmit={(event) => change.mutate(read(event)("password"))}>
        <Field label={t("settings.newPassword")} hint={t("users.passwordRule")} name="password" type="password" autoComplete="new-password" required minLength={10} maxLength={256} data-focus />
        {change.error && <div className="field-error" role="alert">{errorText(change.error)}</div>}
      </form>
    </Dialog>
  );
}
