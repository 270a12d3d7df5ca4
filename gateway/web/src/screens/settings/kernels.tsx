// How kernels come to be on this machine, for administrators: what is in force, and why what is better is not.
import { useQuery } from "@connectrpc/connect-query";
import { TriangleAlert } from "lucide-react";
import { IsolationLevel, KernelService, KernelStart, type GetKernelSupportResponse } from "../../gen/fenxi/analysis/v1/kernel_pb";
import { currentLanguage, fill, useT } from "../../i18n/i18n";
import { WORDS } from "../../i18n/kernel-support-words";
import { Failed, Skeleton, Stale } from "../../ui/states";

/** How often it is asked while the way is being found out, in milliseconds. */
const ASKED_AGAIN_MS = 2000;

export function Kernels() {
  useT();
  const support = useQuery(KernelService.method.getKernelSupport, {}, {
    refetchInterval: ({ state }) => (state.data?.start === KernelStart.UNSPECIFIED ? ASKED_AGAIN_MS : false),
  });
  if (support.error && !support.data) return <Failed error={support.error} onRetry={() => void support.refetch()} />;
  if (support.isPending) return <div className="card"><Skeleton rows={3} height={40} /></div>;
  return (
    <div className="stack" data-testid="kernel-support">
      <p className="muted">{WORDS[currentLanguage()].text}</p>
      <Start support={support.data} />
      <Isolation support={support.data} />
      <Stale query={support} />
    </div>
  );
}

// A way or a level that this page does not know yet has no words.
const way = (start: KernelStart) => WORDS[currentLanguage()].starts[KernelStart[start] as keyof typeof KernelStart] ?? { name: String(start), text: "" };
const level = (of: IsolationLevel) => WORDS[currentLanguage()].levels[IsolationLevel[of] as keyof typeof IsolationLevel] ?? { name: String(of), text: "" };

function Start({ support: { start, wantedStart, failures } }: { support: GetKernelSupportResponse }) {
  const words = WORDS[currentLanguage()];
  const degraded = start !== KernelStart.UNSPECIFIED && start !== wantedStart;
  return (
    <section className="card">
      <div className="list-row">
        <div className="grow">
          <div>{words.start}</div>
          <div className="muted small">{way(start).text}</div>
        </div>
        <span className={degraded ? "badge badge-bad" : "badge"} data-testid="kernel-start">{way(start).name}</span>
      </div>
      {degraded && (
        <div className="list-row">
          <div className="notice notice-s notice-warn grow" data-testid="kernel-start-degraded">
            <TriangleAlert aria-hidden />
            <span>{fill(words.degraded, { wanted: way(wantedStart).name })}</span>
          </div>
        </div>
      )}
      {failures.map((failure) => (
        <Reasons key={failure.start} title={fill(words.failed, { way: way(failure.start).name })} text={failure.reason} />
      ))}
    </section>
  );
}

function Isolation({ support: { isolation, levels, obstacles } }: { support: GetKernelSupportResponse }) {
  const words = WORDS[currentLanguage()];
  const inForce = isolation?.level ?? IsolationLevel.UNSPECIFIED;
  return (
    <section className="card">
      <div className="list-row">
        <div className="grow">
          <div>{words.apart}</div>
          {isolation && <div className="muted small">{words.layers}: {isolation.layers.join(", ") || "–"}</div>}
        </div>
        <span className="badge">{level(inForce).name}</span>
      </div>
      {levels.map((of) => (
        <div key={of.level} className="list-row" data-testid="isolation-level">
          <div className="grow">
            <div className="row">{level(of.level).name} {of.level === inForce && <span className="badge badge-brand">{words.inForce}</span>}</div>
            <div className="muted small">{of.missing.length > 0 ? `${words.missing}: ${of.missing.join("; ")}` : level(of.level).text}</div>
          </div>
          <span className={of.missing.length > 0 ? "badge" : "badge badge-good"}>{of.missing.length > 0 ? words.missing : words.complete}</span>
        </div>
      ))}
      {levels.length === 0 && <div className="list-row muted">{words.untried}</div>}
      {obstacles.length > 0 && <Reasons title={words.obstacles} text={obstacles.map(({ step, reason }) => `${step}: ${reason}`).join("\n")} />}
    </section>
  );
}

/** What a machine says, in its own words. */
function Reasons({ title, text }: { title: string; text: string }) {
  return (
    <div className="list-row">
      <details className="grow" data-testid="kernel-reasons">
        <summary>{title}</summary>
        <pre className="term notice-listing">{text}</pre>
      </details>
    </div>
  );
}
