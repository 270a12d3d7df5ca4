// An analysis with another kind of kernel: chosen where there is more than one, and without what only the built-in has.
import assert from "node:assert/strict";
import { byId, ended, origin, run, setUp, story } from "./page.mjs";

await story("kinds", {}, async ({ page, picture }) => {
  await setUp(page);
  await page.goto(origin);
  await page.getByRole("button", { name: "New analysis" }).first().click();
  const kinds = byId(page, "kernel-spec");
  await kinds.waitFor();
  assert.deepEqual(await kinds.locator("option").allInnerTexts(), ["Python 3 (Fenxi)", "R 4.2", "Stock Python"]);
  await kinds.selectOption("stock");
  await picture("choice");
  await byId(page, "new-analysis-dialog").getByRole("button", { name: "Start without tables" }).click();
  await byId(page, "notebook").waitFor();
  const cell = await run(page, "import sys\nprint('fenxi_kernel' in sys.modules)");
  await ended(cell, "OK");
  assert.match(await cell.innerText(), /False/);
  assert.equal(await byId(page, "show-variables").count(), 0);

  // A kernel of another language is not dressed as Python.
  await page.goto(origin);
  await byId(page, "kernel-card").filter({ hasText: "Stock Python" }).waitFor();
  await page.getByRole("button", { name: "New analysis" }).first().click();
  await kinds.selectOption("other");
  const dialog = await byId(page, "new-analysis-dialog").innerText();
  assert.match(dialog, /Tables cannot be loaded into this kernel/);
  assert.doesNotMatch(dialog, /Choose the tables/);
  await byId(page, "new-analysis-dialog").getByRole("button", { name: "Start without tables" }).click();
  await byId(page, "kernel-kind").getByText("R 4.2").waitFor();
  const draft = byId(page, "cell").last();
  await draft.getByText("Write R, then Shift+Enter to run").waitFor();
  assert.equal(await page.locator(".starters").count(), 0);
  await draft.locator(".cell-code").click();
  await draft.locator(".cm-content").waitFor();
  await page.keyboard.type("x <- NULL # def");
  await draft.locator(".cm-content .tok-comment").getByText("# def").waitFor();
  // The first one may only close a list of completions.
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await draft.locator(".code-view .tok-comment").getByText("# def").waitFor();
  await picture("other-language");

  // A kind that is written from right to left takes nothing beside it along. Its name is as many bytes as the other one.
  const specs = /KernelService\/ListKernelSpecs/;
  await page.route(specs, async (route) => {
    const response = await route.fetch();
    const body = (await response.body()).toString("latin1").replace("Stock Python", Buffer.from("פיתון 3").toString("latin1"));
    await route.fulfill({ response, body: Buffer.from(body, "latin1") });
  });
  await page.goto(origin);
  await page.locator(".kernel-facts").filter({ hasText: "\u2068פיתון 3\u2069 · " }).waitFor();
  await picture("right-to-left");
  await page.unroute(specs);

  // What ran in one kind of kernel is run again in the same.
  await page.goto(`${origin}/history`);
  await byId(page, "history-row").filter({ hasText: "fenxi_kernel" }).getByRole("link").click();
  await byId(page, "history-entry").waitFor();
  // Nor in another while the page does not know yet which it was.
  await page.route(/KernelService\/GetKernel/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await route.continue();
  });
  await page.reload();
  await byId(page, "run-again").click();
  await byId(page, "kernel-kind").getByText("Stock Python").waitFor();
});
