// Where the person is signed in, each to be signed out from here.
import { createClient } from "@connectrpc/connect";
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { useMutation } from "@tanstack/react-query";
import { Laptop, Smartphone, SquareTerminal } from "lucide-react";
import { useState } from "react";
import { Once } from "../../api/once";
import { transport } from "../../api/transport";
import { LoginSessionService, type LoginSession } from "../../gen/fenxi/auth/v1/login_session_pb";
import { ago, moment } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import { Button } from "../../ui/button";
import { Failed, Skeleton, Stale } from "../../ui/states";
import { toast, toastError } from "../../ui/toast";
import { deviceName } from "./device-name";

const client = createClient(LoginSessionService, transport);

export function Devices() {
  const t = useT();
  const list = useInfiniteQuery(
    LoginSessionService.method.listLoginSessions,
    { pageSize: 50, pageToken: "" },
    { pageParamKey: "pageToken", getNextPageParam: (page) => page.nextPageToken || undefined },
  );
  const [once] = useState(() => new Once());
  const revoke = useMutation({
    mutationFn: ({ loginSessionId }: LoginSession) => once.call(loginSessionId, (requestId) => client.revokeLoginSession({ loginSessionId, requestId })),
    onSuccess: () => {
      toast(t("settings.signedOutDevice"));
      void list.refetch();
    },
    onError: toastError,
  });
  if (list.error && !list.data) return <Failed error={list.error} onRetry={() => void list.refetch()} />;
  if (list.isPending) return <div className="card"><Skeleton rows={3} height={40} /></div>;
  const sessions = list.data.pages.flatMap((page) => page.loginSessions);
  return (
    <div className="stack">
      <p className="muted">{t("settings.devicesText")}</p>
      <section className="card list">
        {sessions.map((session) => (
          <div key={session.loginSessionId} className="list-row" data-testid="device">
            <span className="home-icon" aria-hidden><DeviceIcon agent={session.userAgent} /></span>
            <div className="grow">
              <div className="row">
                <span className="ellipsis" title={session.userAgent}>{deviceName(session.userAgent) || t("settings.unknownDevice")}</span>
                {session.current && <span className="badge badge-good">{t("settings.thisDevice")}</span>}
              </div>
              <div className="muted small num">
                {[session.ipAddress, t("settings.lastUsed", { when: ago(session.lastUsedTime ?? session.createTime) }), t("settings.ends", { when: moment(session.expireTime) })].filter(Boolean).join(" · ")}
              </div>
            </div>
            {!session.current && (
              <Button size="s" variant="danger" busy={revoke.isPending && revoke.variables === session} onClick={() => revoke.mutate(session)}>
                {t("settings.signOutDevice")}
              </Button>
            )}
          </div>
        ))}
      </section>
      <Stale query={list} />
      {list.hasNextPage && <Button className="more" busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t("common.more")}</Button>}
    </div>
  );
}

function DeviceIcon({ agent }: { agent: string }) {
  if (/mobile|iphone|android/i.test(agent)) return <Smartphone size={18} />;
  return /mozilla/i.test(agent) ? <Laptop size={18} /> : <SquareTerminal size={18} />;
}
