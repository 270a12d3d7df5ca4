import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { Once } from "./once";

describe("a wish", () => {
  it("is the same call until its outcome is known, and until it is another", async () => {
    const once = new Once();
    const ids: string[] = [];
    const ask = (wish: string, code?: Code) =>
      once
        .call(wish, async (requestId) => {
          ids.push(requestId);
          if (code !== undefined) throw new ConnectError("no", code);
        })
        .catch(() => {});
    await ask("a", Code.Unavailable);
    await ask("a");
    expect(ids[1]).toBe(ids[0]);
    await ask("a", Code.InvalidArgument);
    await ask("a", Code.Unavailable);
    await ask("b", Code.Unavailable);
    expect(new Set(ids).size).toBe(4);
  });

  it("is another call once it is forgotten, and keeps the time it was first made", async () => {
    const once = new Once();
    const calls: [string, number][] = [];
    const ask = async () => {
      await once.call("a", async (...call) => Promise.reject(new ConnectError(String(calls.push(call)), Code.Unavailable))).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await ask();
    await ask();
    once.forget();
    await ask();
    expect(calls[1]).toEqual(calls[0]);
    expect(calls[2]?.[0]).not.toBe(calls[0]?.[0]);
    expect(calls[2]?.[1]).toBeGreaterThan(calls[0]?.[1] ?? 0);
  });
});
