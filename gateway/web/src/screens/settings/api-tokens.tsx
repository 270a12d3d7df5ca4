// Credentials for programs: made here, their secret shown once, ended here.
import { createClient } from "@connectrpc/connect";
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { useMutation } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { Once } from "../../api/once";
import { transport } from "../../api/transport";
import { ApiTokenService, type ApiToken } from "../../gen/fenxi/auth/v1/api_token_pb";
import { ago, moment } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import { Button } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { Empty, Failed, Skeleton, Stale } from "../../ui/states";
import { toast, toastError } from "../../ui/toast";
import { CreateToken } from "./create-token";

export const apiTokens = createClient(ApiTokenService, transport);

export function ApiTokens() {
  const t = useT();
  const [creating, setCreating] = useState(false);
  const [ending, setEnding] = useState<ApiToken | null>(null);
  const list = useInfiniteQuery(
    ApiTokenService.method.listApiTokens,
    { pageSize: 50, pageToken: "" },
    { pageParamKey: "pageToken", getNextPageParam: (page) => page.nextPageToken || undefined },
  );
  const [once] = useState(() => new Once());
  const revoke = useMutation({
    mutationFn: ({ apiTokenId }: ApiToken) => once.call(apiTokenId, (requestId) => apiTokens.revokeApiToken({ apiTokenId, requestId })),
    onSuccess: () => {
      setEnding(null);
      toast(t("tokens.revoked"));
      void list.refetch();
    },
    onError: toastError,
  });
  const tokens = list.data?.pages.flatMap((page) => page.apiTokens) ?? [];
  return (
    <div className="stack">
      <div className="row">
        <p className="muted grow">{t("tokens.lead")}</p>
        <Button variant="primary" icon={<Plus />} onClick={() => setCreating(true)}>{t("tokens.create")}</Button>
      </div>
      <section className="card">
        {list.error && !list.data ? (
          <Failed error={list.error} onRetry={() => void list.refetch()} />
        ) : list.isPending ? (
          <Skeleton rows={3} height={40} />
        ) : tokens.length === 0 ? (
          <Empty icon={<KeyRound />} title={t("tokens.none")} text={t("tokens.noneText")} />
        ) : (
          <div className="list">
            {tokens.map((token) => (
              <div key={token.apiTokenId} className="list-row" data-testid="api-token">
                <span className="home-icon" aria-hidden><KeyRound size={17} /></span>
                <div className="grow">
                  <div className="row"><span className="ellipsis">{token.name}</span><code className="muted">{token.prefix}…</code></div>
                  <div className="muted small ellipsis" title={token.scopes.join(" ")}>{token.scopes.join(" ")}</div>
                  <div className="muted small num">
                    {token.lastUsedTime ? t("settings.lastUsed", { when: ago(token.lastUsedTime) }) : t("tokens.neverUsed")} · {t("settings.ends", { when: moment(token.expireTime) })}
                  </div>
                </div>
                <Button size="s" variant="danger" onClick={() => setEnding(token)}>{t("tokens.revoke")}</Button>
              </div>
            ))}
          </div>
        )}
      </section>
      {list.data && <Stale query={list} />}
      {list.hasNextPage && <Button className="more" onClick={() => void list.fetchNextPage()}>{t("common.more")}</Button>}
      <CreateToken open={creating} onClose={() => setCreating(false)} onMade={() => void list.refetch()} />
      <Confirm
        open={ending !== null}
        title={t("tokens.revokeTitle", { name: ending?.name ?? "" })}
        text={t("tokens.revokeText")}
        action={t("tokens.revoke")}
        busy={revoke.isPending}
        onClose={() => setEnding(null)}
        onConfirm={() => ending && revoke.mutate(ending)}
      />
    </div>
  );
}
