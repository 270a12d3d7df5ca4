// A page for which no stream is left: other tabs hold them all.
import { expect, test, vi } from "vitest";
import { KernelState } from "../gen/fenxi/analysis/v1/kernel_pb";
import { Outcome } from "../gen/fenxi/analysis/v1/output_pb";
import { event, execution, finished, house, kernel, sent, service, settle, watching } from "./test-house";
import { NotebookSession } from "./session";

test("hears of kernel and output now and then, and holds no stream in between", async () => {
  await settle();
  house.session.stop();
  vi.stubGlobal("navigator", { locks: { request: async (_: string, __: object, held: (free: null) => void) => held(null) } });
  let state = kernel({ state: KernelState.BUSY, runningExecutionId: "e" });
  service.kernels["getKernel"] = async () => ({ kernel: state });
  const channels = watching();
  house.session = new NotebookSession("k", "u");
  house.session.start();
  const cell = await sent("1");
  house.sends[0]!.channel.say({ execution: execution("e", "1") });
  await settle();
  const said = () => house.session.feedOf(cell(0).executionId)!;
  const first = channels.get("e")!;
  first.say({ event: event(1, { case: "started", value: { executionCount: 1 } }) });
  await vi.advanceTimersByTimeAsync(1_500);
  expect([said().model.phase, said().link, first.listened, house.session.link.live]).toEqual(["running", "live", false, true]);
  await vi.advanceTimersByTimeAsync(2_000);
  channels.get("e")!.say({ event: finished(2, Outcome.OK) });
  state = kernel({ revision: 1n });
  await settle();
  expect([channels.get("e") !== first, said().finished, house.session.busy]).toEqual([true, true, false]);
  await settle();
  expect([house.session.kernel?.state, house.streams.length]).toEqual([KernelState.IDLE, 1]);
});

test("gives the kernel's stream back while output is followed, where it cannot know of other tabs", async () => {
  await settle();
  house.session.stop();
  vi.stubGlobal("navigator", {});
  let asked = 0;
  service.kernels["getKernel"] = async () => (asked++, { kernel: kernel({ state: KernelState.BUSY, runningExecutionId: "e" }) });
  const channels = watching();
  house.session = new NotebookSession("k", "u");
  house.session.start();
  await sent("1");
  expect([house.streams.length, house.streams[1]?.listened]).toEqual([2, true]);
  house.sends[0]!.channel.say({ execution: execution("e", "1") });
  await settle();
  channels.get("e")!.say({ event: event(1, { case: "started", value: { executionCount: 1 } }) });
  await settle();
  expect([house.streams.length, house.streams[1]?.listened, asked > 0]).toEqual([2, false, true]);
  channels.get("e")!.say({ event: finished(2, Outcome.OK) });
  await vi.advanceTimersByTimeAsync(3_000);
  expect([house.streams.length, house.streams[2]?.listened, house.session.link.live]).toEqual([3, true, true]);
});
