import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { DeathCause, DeathSchema, Outcome } from "../../gen/fenxi/analysis/v1/output_pb";
import { deathText, endOf, whyOf } from "./death";

const killed = (cause: DeathCause) => ({ outcome: Outcome.KILLED, death: create(DeathSchema, { cause, exitCode: 3, detail: "files\nmore" }) });
const CAUSES = Object.values(DeathCause).filter((cause) => typeof cause === "number");

test("only what nobody meant to happen is a death", () => {
  const { EXIT, SIGNAL, MEMORY, LIMIT, START_FAILED, UNRESPONSIVE, LOST, UNSPECIFIED } = DeathCause;
  const red = CAUSES.filter((cause) => endOf(killed(cause)).badge === "badge-bad");
  expect(red).toEqual([UNSPECIFIED, EXIT, SIGNAL, MEMORY, LIMIT, START_FAILED, UNRESPONSIVE, LOST]);
  expect(red.every((cause) => endOf(killed(cause)).text === "Kernel died")).toBe(true);
  expect(endOf({ outcome: Outcome.KILLED })).toEqual({ text: "Kernel died", badge: "badge-bad" });
  expect(endOf({ outcome: Outcome.ERROR })).toEqual({ text: "Error", badge: "badge-bad" });
});

test("what was meant is said in words, once", () => {
  expect(endOf(killed(DeathCause.RESTARTED))).toEqual({ text: "Kernel restarted", badge: "" });
  expect(whyOf(killed(DeathCause.RESTARTED))).toBe("");
  expect(endOf(killed(DeathCause.DELETED))).toEqual({ text: "Kernel ended", badge: "" });
  expect(whyOf(killed(DeathCause.DELETED))).toBe("It was ended by hand.");
});

test("every cause has words, with what they name", () => {
  for (const cause of CAUSES) if (cause !== DeathCause.UNSPECIFIED) expect(deathText(killed(cause).death), DeathCause[cause]).not.toBe("");
  expect(deathText(killed(DeathCause.EXIT).death)).toContain("3");
  expect(deathText(killed(DeathCause.LIMIT).death)).toBe("It went over a limit: files.");
});
