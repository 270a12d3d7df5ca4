// The people of the team, for administrators.
import { createClient } from "@connectrpc/connect";
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { keepPreviousData, useMutation } from "@tanstack/react-query";
import { Ban, Ellipsis, KeyRound, RotateCcw, SearchX, ShieldCheck, ShieldOff, UserPlus } from "lucide-react";
import { useState } from "react";
import { useLocation } from "wouter";
import { Once } from "../../api/once";
import { changed } from "../../api/query";
import { AuthService } from "../../gen/fenxi/auth/v1/auth_pb";
import { transport } from "../../api/transport";
import { UserRole, UserService, type User } from "../../gen/fenxi/auth/v1/user_pb";
import { ago } from "../../i18n/format";
import { currentLanguage, fill, useT } from "../../i18n/i18n";
import { WORDS } from "../../i18n/user-words";
import { Avatar } from "../../shell/avatar";
import { PageHead } from "../../shell/shell";
import { isAdministrator, useUser } from "../../shell/user";
import { Button, IconButton, LinkButton } from "../../ui/button";
import { useDebounced } from "../../ui/debounced";
import { Confirm } from "../../ui/dialog";
import { SearchInput } from "../../ui/field";
import { Menu } from "../../ui/menu";
import { Empty, Failed, Skeleton, Stale } from "../../ui/states";
import { toast, toastError } from "../../ui/toast";
import { CreateUser, SetPassword } from "./user-dialogs";

export const users = createClient(UserService, transport);

export function UsersScreen() {
  const t = useT();
  const me = useUser();
  if (isAdministrator(me)) return <Users />;
  const words = WORDS[currentLanguage()];
  return (
    <Empty icon={<ShieldOff />} title={words.forAdministrators} text={words.forAdministratorsText}>
      <LinkButton href="/">{t("nav.home")}</LinkButton>
    </Empty>
  );
}

function Users() {
  const t = useT();
  const [query, setQuery] = useState("");
  const [creating, setCreating] = useState(false);
  const wanted = useDebounced(query.trim());
  const list = useInfiniteQuery(
    UserService.method.listUsers,
    { query: wanted, pageSize: 50, pageToken: "" },
    { pageParamKey: "pageToken", getNextPageParam: (page) => page.nextPageToken || undefined, placeholderData: keepPreviousData },
  );
  const found = list.data?.pages.flatMap((page) => page.users) ?? [];
  return (
    <div className="screen">
      <PageHead title={t("nav.users")} sub={list.data && t("users.total", { n: list.data.pages[0]?.totalSize ?? 0 })}>
        <Button variant="primary" icon={<UserPlus />} onClick={() => setCreating(true)}>{t("users.create")}</Button>
      </PageHead>
      <SearchInput label={t("users.search")} value={query} onChange={setQuery} />
      <section className="card" aria-busy={list.isFetching}>
        {list.error && !list.data ? (
          <Failed error={list.error} onRetry={() => void list.refetch()} />
        ) : list.isPending ? (
          <Skeleton rows={5} height={38} />
        ) : found.length === 0 ? (
          <Empty icon={<SearchX />} title={t("common.noMatch")} />
        ) : (
          <div className="list">{found.map((user) => <UserRow key={user.userId} user={user} />)}</div>
        )}
      </section>
      {list.data && <Stale query={list} />}
      {list.hasNextPage && <Button className="more" busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t("common.more")}</Button>}
      <CreateUser open={creating} onClose={() => setCreating(false)} />
    </div>
  );
}

function UserRow({ user }: { user: User }) {
  const t = useT();
  const me = useUser();
  const { userId } = user;
  const self = userId === me.userId;
  const [, go] = useLocation();
  const [asking, setAsking] = useState<"promote" | "demote" | "disable" | null>(null);
  const [setting, setSetting] = useState(false);
  const done = (_: unknown, what: keyof typeof calls) => {
    setAsking(null);
    toast(t("common.saved"));
    // There is nothing here any more for someone who is no administrator.
    if (what === "demote" && self) go("/");
    void changed(AuthService, UserService);
  };
  const administrator = isAdministrator(user);
  const name = user.displayName || user.username;
  const words = WORDS[currentLanguage()];
  const questions = {
    promote: { title: fill(words.promoteTitle, { name }), text: words.promoteText, action: t("users.makeAdministrator") },
    demote: {
      title: self ? words.demoteSelfTitle : fill(words.demoteTitle, { name }),
      text: self ? words.demoteSelfText : words.demoteText,
      action: t("users.makeMember"),
    },
    disable: { title: fill(words.disableTitle, { name }), text: words.disableText, action: t("users.disable") },
  };
  const [once] = useState(() => new Once());
  const setRole = (role: UserRole) => (requestId: string) => users.updateUser({ user: { userId, role }, updateMask: { paths: ["role"] }, requestId });
  const calls = {
    promote: setRole(UserRole.ADMINISTRATOR),
    demote: setRole(UserRole.MEMBER),
    enable: (requestId: string) => users.enableUser({ userId, requestId }),
    disable: (requestId: string) => users.disableUser({ userId, requestId }),
  };
  const act = useMutation({ mutationFn: (what: keyof typeof calls) => once.call<unknown>(what, calls[what]), onSuccess: done, onError: toastError });
  return (
    <div className="list-row" data-testid="user-row">
      <Avatar user={user} />
      <div className="grow">
        <div className="row">
          <span className="ellipsis">{name}</span>
          {administrator && <span className="badge badge-brand">{t("users.administrator")}</span>}
          {user.disabled && <span className="badge badge-bad">{t("users.disabled")}</span>}
          {self && <span className="badge">{t("users.you")}</span>}
        </div>
        <div className="muted small ellipsis num">
          {[user.username, user.identityProvider, user.lastLoginTime ? t("users.lastLogin", { when: ago(user.lastLoginTime) }) : t("users.neverIn")].filter(Boolean).join(" · ")}
        </div>
      </div>
      <Menu
        trigger={<IconButton label={t("common.moreActions")} icon={<Ellipsis />} size="s" />}
        entries={[
          { label: t(administrator ? "users.makeMember" : "users.makeAdministrator"), icon: administrator ? <ShieldOff /> : <ShieldCheck />, onSelect: () => setAsking(administrator ? "demote" : "promote") },
          { label: t("users.setPassword"), icon: <KeyRound />, disabled: user.identityProvider !== "local", onSelect: () => setSetting(true) },
          "line",
          user.disabled
            ? { label: t("users.enable"), icon: <RotateCcw />, onSelect: () => act.mutate("enable") }
            : { label: t("users.disable"), icon: <Ban />, danger: true, disabled: self, onSelect: () => setAsking("disable") },
        ]}
      />
      <Confirm
        open={asking !== null}
        {...questions[asking ?? "disable"]}
        busy={act.isPending}
        onClose={() => setAsking(null)}
        onConfirm={() => asking && act.mutate(asking)}
      />
      <SetPassword user={setting ? user : null} onClose={() => setSetting(false)} />
    </div>
  );
}
