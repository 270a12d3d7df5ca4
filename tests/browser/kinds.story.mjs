// An analysis with another kind of kernel: chosen where there is more than one, and without what only the built-in has.
import assert from "node:assert/strict";
import { byId, ended, origin, run, setUp, story } from "./page.mjs";

await story("kinds", {}, async ({ page, picture }) => {
  await setUp(page);
  await page.goto(origin);
  await page.getByRole("button", { name: "New analysis" }).first().click();
  const kinds = byId(page, "kernel-spec");
  await kinds.waitFor();
  assert.deepEqual(await kinds.locator("option").allInnerTexts(), ["Python 3 (Fenxi)", "Stock Python"]);
  await kinds.selectOption("stock");
  await picture("choice");
  await byId(page, "new-analysis-dialog").getByRole("button", { name: "Start without tables" }).click();
  await byId(page, "notebook").waitFor();
  const cell = await run(page, "import sys\nprint('fenxi_kernel' in sys.modules)");
  await ended(cell, "OK");
  assert.match(await cell.innerText(), /False/);
  assert.equal(await byId(page, "show-variables").count(), 0);
});
