// Why a kernel ended, for a person, and how what ran in it did.
import { DeathCause, Outcome, type Death, type FinishedEvent } from "../../gen/fenxi/analysis/v1/output_pb";
import { currentLanguage, fill, translate } from "../../i18n/i18n";
import { WORDS, type Words } from "../../i18n/notebook-words";
import { wasMeant } from "../../notebook/ending";
import { OUTCOMES } from "../history/outcome";

const CAUSES: Partial<Record<DeathCause, keyof Words["death"]>> = {
  [DeathCause.EXIT]: "exit",
  [DeathCause.SIGNAL]: "signal",
  [DeathCause.MEMORY]: "memory",
  [DeathCause.LIMIT]: "limit",
  [DeathCause.DELETED]: "deleted",
  [DeathCause.RESTARTED]: "restarted",
  [DeathCause.IDLE]: "idle",
  [DeathCause.START_FAILED]: "startFailed",
  [DeathCause.UNRESPONSIVE]: "unresponsive",
  [DeathCause.SHUTDOWN]: "shutdown",
  [DeathCause.LOST]: "lost",
  [DeathCause.USER_DISABLED]: "userDisabled",
};

export function deathText(death: Death | undefined): string {
  const name = death ? CAUSES[death.cause] : undefined;
  if (!death || !name) return "";
  return fill(WORDS[currentLanguage()].death[name], { code: death.exitCode, signal: death.signal, detail: death.detail.split("\n")[0] ?? "" });
}

/** How a run ended, as its badge says it: only what nobody meant to happen is a death. */
export function endOf({ outcome, death }: Pick<FinishedEvent, "outcome" | "death">): { text: string; badge: string } {
  if (outcome === Outcome.UNSPECIFIED) return { text: "", badge: "" };
  const { key, badge } = OUTCOMES[outcome];
  if (outcome !== Outcome.KILLED) return { text: translate(key), badge };
  const words = WORDS[currentLanguage()];
  if (!wasMeant(death)) return { text: words.died, badge: "badge-bad" };
  return { text: death?.cause === DeathCause.RESTARTED ? words.restarted : translate(key), badge: "" };
}

/** Why it ended so, where the badge does not say it already. */
export function whyOf({ outcome, death }: Pick<FinishedEvent, "outcome" | "death">): string {
  return outcome === Outcome.KILLED && death?.cause === DeathCause.RESTARTED ? "" : deathText(death);
}
