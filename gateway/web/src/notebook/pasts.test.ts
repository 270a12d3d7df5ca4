import { expect, test } from "vitest";
import { Pasts } from "./pasts";

test("the pasts of the cells that were written in last are kept", () => {
  const pasts = new Pasts();
  for (let at = 0; at < 100; at++) pasts.keep(String(at), { doc: at });
  pasts.keep("0", { doc: "again" });
  pasts.keep("new", { doc: "new" });
  expect([pasts.of("0")?.doc, pasts.of("1"), pasts.of("2")?.doc, pasts.of("new")?.doc]).toEqual(["again", undefined, 2, "new"]);
});
