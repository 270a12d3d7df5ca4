// Makes an ApiToken and shows its secret this once.
import { useMutation } from "@tanstack/react-query";
import { Copy } from "lucide-react";
import { useRef, useState, type FormEvent } from "react";
import { errorText } from "../../api/errors";
import { Once } from "../../api/once";
import { useT } from "../../i18n/i18n";
import { Button } from "../../ui/button";
import { copyText } from "../../ui/copy";
import { Dialog } from "../../ui/dialog";
import { Field, Select } from "../../ui/field";
import { apiTokens } from "./api-tokens";

const AREAS: [string, string[]][] = [
  ["user", ["read"]], ["history", ["read", "write"]], ["datasets", ["read", "write"]], ["kernels", ["read", "write"]], ["executions", ["read", "write"]],
];
const DAYS = [7, 30, 90, 180, 365];
/** For the answer: the dialog is not to wait for ever. */
const ANSWER_MAX_MS = 30_000;
const ALL = AREAS.flatMap(([area, verbs]) => verbs.map((verb) => `${area}:${verb}`));

interface CreateTokenProps {
  open: boolean;
  onClose(): void;
  onMade(): void;
}

export function CreateToken({ open, onClose, onMade }: CreateTokenProps) {
  const t = useT();
  const [scopes, setScopes] = useState<Set<string>>(new Set(ALL));
  const [secret, setSecret] = useState<string | null>(null);
  const [once] = useState(() => new Once());
  const create = useMutation({
    mutationFn: ({ name, days }: { name: string; days: number }) => {
      const content = { name, scopes: ALL.filter((scope) => scopes.has(scope)) };
      return once.call(JSON.stringify([content, days]), (requestId, sinceMs) => {
        // A minute less than the whole span: clocks differ, and a year is the most there is.
        const seconds = BigInt(Math.floor(sinceMs / 1000) + days * 86_400 - 60);
        return apiTokens.createApiToken({ ...content, expireTime: { seconds, nanos: 0 }, requestId }, { timeoutMs: ANSWER_MAX_MS });
      });
    },
    onSuccess: (answer) => {
      // Empty where the token was made before and the answer was lost.
      setSecret(answer.secret || null);
      onMade();
    },
  });
  const close = () => {
    setSecret(null);
    create.reset();
    onClose();
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    create.mutate({ name: String(form.get("name") ?? "").trim(), days: Number(form.get("days")) });
  };
  const toggle = (scope: string) =>
    setScopes((before) => {
      const next = new Set(before);
      if (!next.delete(scope)) next.add(scope);
      return next;
    });
  if (secret !== null) {
    return (
      <Dialog open={open} held onClose={close} title={t("tokens.made")} description={t("tokens.madeText")} footer={<Button variant="primary" onClick={close}>{t("common.done")}</Button>}>
        <Secret secret={secret} />
      </Dialog>
    );
  }
  return (
    <Dialog
      open={open}
      // The secret comes once: the dialog waits for it.
      held={create.isPending}
      onClose={close}
      title={t("tokens.create")}
      footer={
        <>
          <Button disabled={create.isPending} onClick={close}>{t("common.cancel")}</Button>
          <Button type="submit" form="create-token" variant="primary" busy={create.isPending} disabled={scopes.size === 0}>{t("tokens.create")}</Button>
        </>
      }
    >
      <form id="create-token" className="stack" onSubmit={submit}>
        <Field label={t("tokens.name")} hint={t("tokens.nameHint")} name="name" required maxLength={100} data-focus />
        <Select label={t("tokens.lasts")} name="days" defaultValue="90">
          {DAYS.map((days) => <option key={days} value={days}>{t("tokens.days", { n: days })}</option>)}
        </Select>
        <fieldset className="scopes">
          <legend className="field-label">{t("tokens.scopes")}</legend>
          {AREAS.map(([area, verbs]) => (
            <div key={area} className="row">
              <span className="grow mono">{area}</span>
              {verbs.map((verb) => (
                <label key={verb} className="row small">
                  <input type="checkbox" checked={scopes.has(`${area}:${verb}`)} onChange={() => toggle(`${area}:${verb}`)} aria-label={`${area}:${verb}`} />
                  {t(verb === "read" ? "tokens.read" : "tokens.write")}
                </label>
              ))}
            </div>
          ))}
        </fieldset>
        {create.isSuccess && <div className="field-error" role="alert">{t("tokens.secretLost")}</div>}
        {create.error && <div className="field-error" role="alert">{errorText(create.error)}</div>}
      </form>
    </Dialog>
  );
}

function Secret({ secret }: { secret: string }) {
  const t = useT();
  const shown = useRef<HTMLElement>(null);
  return (
    <div className="stack">
      <div className="secret">
        <code ref={shown} data-testid="api-token-secret">{secret}</code>
        <Button size="s" icon={<Copy />} onClick={() => void copyText(secret, shown.current)}>{t("common.copy")}</Button>
      </div>
      <p className="muted small">{t("tokens.use")} <code>authorization: Bearer …</code></p>
    </div>
  );
}
