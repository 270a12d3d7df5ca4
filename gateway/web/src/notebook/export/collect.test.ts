import { describe, expect, it, vi } from "vitest";
import { ExecutionState } from "../../gen/fenxi/analysis/v1/execution_pb";
import { Outcome } from "../../gen/fenxi/analysis/v1/output_pb";
import { event, execution, finished, house, sent, settle, watching, written } from "../test-house";
import { ARRIVAL_WAIT_MAX_MS, collect } from "./collect";

const collected = () => collect(house.session.document.cells, (id) => house.session.feedOf(id));

describe("what goes into a file", () => {
  it("is every cell with something in it, and what those that run have said so far", async () => {
    const channels = watching();
    const at = await sent("a", "b");
    await written("draft", " ");
    house.sends[0]!.channel.say({ execution: execution("1", "a") });
    await settle();
    channels.get("1")!.say({ event: event(1, { case: "stream", value: { name: 1, text: "so far" } }) });
    await settle();
    const { cells, incomplete } = await collected();
    expect(cells.map(({ code }) => code)).toEqual(["a", "b", "draft"]);
    expect([cells[0]?.id, cells[0]?.model?.items.length, cells[1]?.model, incomplete]).toEqual([at(0).id, 1, null, 1]);
  });

  it("is waited for where it has ended and is on its way, but not for ever", async () => {
    const channels = watching();
    await sent("a");
    house.sends[0]!.channel.say({ execution: execution("1", "a", ExecutionState.FINISHED) });
    await settle();
    let done: Awaited<ReturnType<typeof collected>> | null = null;
    void collected().then((result) => (done = result));
    await settle();
    expect(done).toBeNull();
    channels.get("1")!.say({ event: finished(1, Outcome.OK) });
    await settle();
    expect(done).toMatchObject({ incomplete: 0 });

    await sent("b");
    house.sends[1]!.channel.say({ execution: execution("2", "b", ExecutionState.FINISHED) });
    await settle();
    done = null;
    void collected().then((result) => (done = result));
    await vi.advanceTimersByTimeAsync(ARRIVAL_WAIT_MAX_MS);
    expect(done).toMatchObject({ incomplete: 1 });
  });
});
