import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { Outcome, OutputEventSchema, type OutputEvent } from "../gen/fenxi/analysis/v1/output_pb";
import { backoffMs, follow, BACKOFF_MAX_MS, type EventMessage, type FollowOptions } from "./follow";
import { OutputModel } from "./model";

const LINES = 500;

/** A run of `LINES` lines and its end. */
function wholeRun(): OutputEvent[] {
  const list = Array.from({ length: LINES }, (_, index) =>
    create(OutputEventSchema, {
      sequence: BigInt(index + 1),
      event: { case: "stream", value: { text: `line ${index + 1}\n` } },
    }),
  );
  const end = { case: "finished", value: { outcome: Outcome.OK } } as never;
  return [...list, create(OutputEventSchema, { sequence: BigInt(LINES + 1), event: end })];
}

/** A service whose connections break after `lives` messages each. */
function service(lives: number, failure: () => unknown = () => new ConnectError("cut", Code.Unavailable)) {
  const asked: bigint[] = [];
  async function* open(after: bigint): AsyncGenerator<EventMessage> {
    asked.push(after);
    let left = lives;
    for (const event of wholeRun().slice(Number(after))) {
      if (left-- === 0) throw failure();
      yield { event };
    }
  }
  return { asked, open };
}

function optionsFor(model: OutputModel, open: FollowOptions["open"]): FollowOptions {
  return {
    open,
    lastSequence: () => model.lastSequence,
    take: (event) => model.apply(event),
    isFinished: () => model.phase === "finished",
    mayRetry: (error) => !(error instanceof ConnectError && error.code === Code.NotFound),
    pause: () => Promise.resolve(),
  };
}

function printed(model: OutputModel): string {
  const [item] = model.items;
  return item?.kind === "stream" ? item.log.plainText() : "";
}

const COMPLETE = Array.from({ length: LINES }, (_, index) => `line ${index + 1}\n`).join("");

describe("following a run", () => {
  it("holds every line once and in order through a hundred drops", async () => {
    const model = new OutputModel();
    const { open, asked } = service(5);
    await follow(optionsFor(model, open), new AbortController().signal);
    expect(printed(model)).toBe(COMPLETE);
    expect(asked.length).toBe(Math.ceil((LINES + 1) / 5));
    expect(asked.slice(0, 3)).toEqual([0n, 5n, 10n]);
  });

  it("goes on from a number after a reload", async () => {
    const model = new OutputModel();
    for (const event of wholeRun().slice(0, 123)) model.apply(event);
    const { open, asked } = service(Number.POSITIVE_INFINITY);
    await follow(optionsFor(model, open), new AbortController().signal);
    expect(asked).toEqual([123n]);
    expect(printed(model)).toBe(COMPLETE);
  });

  it("asks again where a number was skipped, and ignores one said twice", async () => {
    const model = new OutputModel();
    let round = 0;
    async function* open(after: bigint): AsyncGenerator<EventMessage> {
      const rest = wholeRun().slice(Number(after));
      const skipping = round++ === 0 ? rest.toSpliced(7, 1) : [...wholeRun().slice(0, 3), ...rest];
      for (const event of skipping) yield { event };
    }
    await follow(optionsFor(model, open), new AbortController().signal);
    expect(printed(model)).toBe(COMPLETE);
    expect(round).toBe(2);
  });

  it("goes on when the stream ends politely before the run does", async () => {
    const model = new OutputModel();
    const { open, asked } = service(200, () => undefined);
    async function* polite(after: bigint): AsyncGenerator<EventMessage> {
      try {
        yield* open(after);
      } catch {
        // The gateway shut down and closed the stream.
      }
    }
    await follow(optionsFor(model, polite), new AbortController().signal);
    expect(printed(model)).toBe(COMPLETE);
    expect(asked).toEqual([0n, 200n, 400n]);
  });

  it("gives a refusal that will not change to its caller", async () => {
    const { open } = service(3, () => new ConnectError("gone", Code.NotFound));
    const following = follow(optionsFor(new OutputModel(), open), new AbortController().signal);
    await expect(following).rejects.toThrow("gone");
  });

  it("takes a stream that has fallen silent for dead", async () => {
    vi.useFakeTimers();
    const model = new OutputModel();
    let opened = 0;
    async function* silent(after: bigint, signal: AbortSignal): AsyncGenerator<EventMessage> {
      if (opened++ === 0) {
        yield { event: wholeRun()[0] as OutputEvent };
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("cut"))));
      }
      for (const event of wholeRun().slice(Number(after))) yield { event };
    }
    const done = follow(optionsFor(model, silent), new AbortController().signal);
    await vi.advanceTimersByTimeAsync(35_001);
    await done;
    vi.useRealTimers();
    expect(printed(model)).toBe(COMPLETE);
  });

  it("stops at once when it is told to", async () => {
    const stop = new AbortController();
    const model = new OutputModel();
    const { open, asked } = service(1);
    const options = optionsFor(model, open);
    options.pause = () => {
      stop.abort();
      return Promise.resolve();
    };
    await follow(options, stop.signal);
    expect(asked.length).toBe(1);
  });
});

describe("the wait between attempts", () => {
  it("grows from a quarter of a second to ten and no further", () => {
    expect(backoffMs(0, 1)).toBe(250);
    expect(backoffMs(3, 1)).toBe(2000);
    expect(backoffMs(5000, 1)).toBe(BACKOFF_MAX_MS);
    expect(backoffMs(5000, 0)).toBe(BACKOFF_MAX_MS * 0.75);
  });
});
