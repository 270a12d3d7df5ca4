// Whether a kernel died, or ended as somebody or the service meant it to.
import { DeathCause, type Death } from "../gen/fenxi/analysis/v1/output_pb";

const MEANT = new Set([DeathCause.DELETED, DeathCause.RESTARTED, DeathCause.IDLE, DeathCause.SHUTDOWN, DeathCause.USER_DISABLED]);

/** Without a cause that is known to be meant, it is a fault. */
export function wasMeant(death: Pick<Death, "cause"> | undefined): boolean {
  return death !== undefined && MEANT.has(death.cause);
}
