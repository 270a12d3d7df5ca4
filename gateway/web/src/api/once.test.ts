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
});
