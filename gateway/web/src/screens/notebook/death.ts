// Why a kernel died, for a person.
import { DeathCause, type Death } from "../../gen/fenxi/analysis/v1/output_pb";
import { translate, type MessageKey } from "../../i18n/i18n";

const CAUSES: Partial<Record<DeathCause, MessageKey>> = {
  [DeathCause.EXIT]: "death.exit",
  [DeathCause.SIGNAL]: "death.signal",
  [DeathCause.MEMORY]: "death.memory",
  [DeathCause.LIMIT]: "death.limit",
  [DeathCause.DELETED]: "death.deleted",
  [DeathCause.RESTARTED]: "death.restarted",
  [DeathCause.IDLE]: "death.idle",
  [DeathCause.START_FAILED]: "death.startFailed",
  [DeathCause.UNRESPONSIVE]: "death.unresponsive",
  [DeathCause.SHUTDOWN]: "death.shutdown",
  [DeathCause.LOST]: "death.lost",
  [DeathCause.USER_DISABLED]: "death.userDisabled",
};

export function deathText(death: Death | undefined): string {
  const key = death ? CAUSES[death.cause] : undefined;
  if (!death || !key) return "";
  return translate(key, { code: death.exitCode, signal: death.signal, detail: death.detail.split("\n")[0] ?? "" });
}
