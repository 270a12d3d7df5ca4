// The person's own settings.
import { Tabs } from "radix-ui";
import type { ReactNode } from "react";
import { useLocation } from "wouter";
import { currentLanguage, isolated, setLanguage, useT, type Language, type MessageKey } from "../../i18n/i18n";
import { WORDS } from "../../i18n/kernel-support-words";
import { Avatar } from "../../shell/avatar";
import { PageHead, signOut } from "../../shell/shell";
import { setTheme, useTheme, type Theme } from "../../shell/theme";
import { isAdministrator, useUser } from "../../shell/user";
import { Button } from "../../ui/button";
import { Devices } from "./devices";
import { ApiTokens } from "./api-tokens";
import { Kernels } from "./kernels";
import { ChangePassword } from "./password";
import "./settings.css";

const GENERAL = "general";
const TABS: { value: string; key: MessageKey }[] = [
  { value: GENERAL, key: "settings.general" },
  { value: "devices", key: "settings.devices" },
  { value: "tokens", key: "settings.tokens" },
];
const KERNELS = "kernels";

export function SettingsScreen({ tab }: { tab: string }) {
  const t = useT();
  const [, go] = useLocation();
  const administrator = isAdministrator(useUser());
  const tabs = TABS.map(({ value, key }) => ({ value, name: t(key) }));
  if (administrator) tabs.push({ value: KERNELS, name: WORDS[currentLanguage()].tab });
  const shown = tabs.some(({ value }) => value === tab) ? tab : GENERAL;
  return (
    <div className="screen">
      <PageHead title={t("nav.settings")} />
      <Tabs.Root value={shown} onValueChange={(value) => go(`/settings/${value}`, { replace: true })} className="stack">
        <Tabs.List className="tabs-list" aria-label={t("nav.settings")}>
          {tabs.map(({ value, name }) => <Tabs.Trigger key={value} className="tab" value={value}>{name}</Tabs.Trigger>)}
        </Tabs.List>
        {/* What is typed in it stays while another tab is looked at. */}
        <Tabs.Content value={GENERAL} forceMount hidden={shown !== GENERAL}><General /></Tabs.Content>
        <Tabs.Content value="devices"><Devices /></Tabs.Content>
        <Tabs.Content value="tokens"><ApiTokens /></Tabs.Content>
        {administrator && <Tabs.Content value={KERNELS}><Kernels /></Tabs.Content>}
      </Tabs.Root>
    </div>
  );
}

function General() {
  const t = useT();
  const user = useUser();
  const theme = useTheme();
  const themes: [Theme, MessageKey][] = [["system", "settings.themeSystem"], ["light", "settings.themeLight"], ["dark", "settings.themeDark"]];
  const languages: [Language, string][] = [["zh-CN", "简体中文"], ["en", "English"]];
  return (
    <div className="stack">
      <section className="card card-pad row profile">
        <Avatar user={user} />
        <div className="grow">
          <h2 className="ellipsis">{user.displayName || user.username}</h2>
          <div className="muted ellipsis">{[user.username, user.englishName, user.email].filter(Boolean).map(isolated).join(" · ")}</div>
        </div>
        {isAdministrator(user) && <span className="badge badge-brand">{t("users.administrator")}</span>}
        <Button onClick={() => void signOut()}>{t("nav.signOut")}</Button>
      </section>
      <section className="card">
        <Choice label={t("settings.language")}>
          <select className="select" aria-label={t("settings.language")} value={currentLanguage()} onChange={(event) => setLanguage(event.target.value as Language)}>
            {languages.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
          </select>
        </Choice>
        <Choice label={t("settings.theme")}>
          <div className="segments" role="radiogroup" aria-label={t("settings.theme")}>
            {themes.map(([value, key]) => (
              <label key={value} className={theme === value ? "segment segment-on" : "segment"}>
                <input type="radio" name="theme" className="visually-hidden" checked={theme === value} onChange={() => setTheme(value)} />
                {t(key)}
              </label>
            ))}
          </div>
        </Choice>
      </section>
      {user.identityProvider === "local" && <ChangePassword />}
    </div>
  );
}

function Choice({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="list-row choice">
      <span className="grow">{label}</span>
      {children}
    </div>
  );
}
