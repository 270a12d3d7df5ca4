// The frame of every screen behind the login: where one can go, who one is, what is wrong just now.
import { ChartNoAxesColumn, Database, History, House, LogOut, Settings, Users } from "lucide-react";
import type { ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { saysLoginExpired } from "../api/error-details";
import { queryClient } from "../api/query";
import { auth } from "../api/transport";
import type { User } from "../gen/fenxi/auth/v1/user_pb";
import { useT, type MessageKey } from "../i18n/i18n";
import { Menu } from "../ui/menu";
import { toastError } from "../ui/toast";
import { Avatar } from "./avatar";
import { Banners } from "./banners";
import { Logo } from "./logo";
import { useTitle, type Mark } from "./title";
import { isAdministrator, useUser } from "./user";
import "./shell.css";

const PLACES: { href: string; key: MessageKey; icon: ReactNode; also: RegExp; admin?: boolean }[] = [
  { href: "/", key: "nav.home", icon: <House />, also: /^\/(k\/.*)?$/ },
  { href: "/datasets", key: "nav.datasets", icon: <Database />, also: /^\/(datasets|d\/.*)$/ },
  { href: "/history", key: "nav.history", icon: <History />, also: /^\/(history|h\/.*)$/ },
  { href: "/stats", key: "nav.stats", icon: <ChartNoAxesColumn />, also: /^\/stats$/ },
  { href: "/admin/users", key: "nav.users", icon: <Users />, also: /^\/admin/, admin: true },
  { href: "/settings", key: "nav.settings", icon: <Settings />, also: /^\/settings/ },
];

export async function signOut(): Promise<void> {
  try {
    await auth.logout({});
  } catch (error) {
    // Who is not signed in any more is where they wanted to be.
    if (!saysLoginExpired(error)) return toastError(error);
  }
  queryClient.clear();
  window.location.assign("/login");
}

export function Shell({ children }: { children: ReactNode }) {
  const t = useT();
  const [path] = useLocation();
  const user = useUser();
  const places = PLACES.filter((place) => !place.admin || isAdministrator(user));
  return (
    <div className="shell">
      <a className="skip" href="#main">{t("nav.skip")}</a>
      <aside className="side">
        <Link href="/" className="brand" aria-label="Fenxi">
          <Logo />
          <span>{t("app.name")}</span>
        </Link>
        <nav aria-label={t("nav.label")}>
          {places.map(({ href, key, icon, also }) => (
            <Link
              key={href}
              href={href}
              className={also.test(path) ? "place place-here" : "place"}
              aria-current={also.test(path) ? "page" : undefined}
            >
              {icon}
              <span>{t(key)}</span>
            </Link>
          ))}
        </nav>
        <UserButton user={user} />
      </aside>
      <div className="page">
        <Banners />
        <main id="main" tabIndex={-1}>{children}</main>
      </div>
    </div>
  );
}

function UserButton({ user }: { user: User }) {
  const t = useT();
  const [, go] = useLocation();
  return (
    <Menu
      align="start"
      trigger={
        <button type="button" className="me" data-testid="user-menu" aria-label={t("nav.account", { name: user.displayName })}>
          <Avatar user={user} />
          <span className="ellipsis">{user.displayName || user.username}</span>
        </button>
      }
      entries={[
        { label: t("nav.settings"), icon: <Settings />, onSelect: () => go("/settings") },
        "line",
        { label: t("nav.signOut"), icon: <LogOut />, onSelect: () => void signOut() },
      ]}
    />
  );
}

/** The head of a screen: its name, and what can be done on it. */
export function PageHead({ title, sub, tab, mark, children }: { title: ReactNode; sub?: ReactNode; tab?: string; mark?: Mark; children?: ReactNode }) {
  useTitle(tab ?? (typeof title === "string" ? title : ""), mark);
  return (
    <header className="page-head">
      <div className="grow">
        <h1 className="ellipsis">{title}</h1>
        {sub && <div className="muted page-sub">{sub}</div>}
      </div>
      {children && <div className="row wrap page-actions">{children}</div>}
    </header>
  );
}
