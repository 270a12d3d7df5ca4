// Never silent: what waits says where and can be taken back, a name says what it is, and no kernel ends unwarned. The
// service of this story ends kernels soon (silent.env).
import assert from "node:assert/strict";
import { byId, ended, origin, run, setUp, story, upload } from "./page.mjs";

const waits = (cell, text) => cell.getByTestId("cell-status").getByText(text).waitFor();

await story("silent", {}, async ({ page, picture }) => {
  await setUp(page);
  await upload(page, "one.csv", "x\n1\n");
  await page.goto(`${origin}/datasets`);
  await byId(page, "dataset-row").first().getByRole("button", { name: "Analyse" }).click();
  await byId(page, "notebook").waitFor();

  const busy = await run(page, "import time\nprint('on')\ntime.sleep(600)");
  await busy.getByText("on", { exact: true }).waitFor();
  const [first, second, third] = [await run(page, "1"), await run(page, "2"), await run(page, "3")];
  await waits(third, "Waiting: 3 runs before it");
  await waits(first, "Waiting: 1 run before it");
  await second.getByTestId("stop-cell").click();
  await ended(second, "CANCELLED");
  await waits(third, "Waiting: 2 runs before it");
  await picture("queue");
  await byId(page, "cancel-waiting").click();
  await ended(first, "CANCELLED");
  await ended(third, "CANCELLED");
  assert.equal(await busy.getAttribute("data-status"), "running");
  await byId(page, "stop").click();
  await ended(busy, "INTERRUPTED");
  assert.equal(await byId(page, "cancel-waiting").count(), 0);

  await ended(await run(page, "def halve(number):\n    '<img src=x onerror=alert(1)> half of it'\n    return number / 2"), "OK");
  const last = byId(page, "cell").last();
  await last.locator(".cell-code").click();
  await last.locator(".cm-content").waitFor();
  await page.keyboard.type("halve");
  await page.keyboard.press("Shift+Tab");
  const told = byId(page, "inspection");
  await told.getByText("halve(number)").first().waitFor();
  assert.match(await told.innerText(), /<img src=x onerror=alert\(1\)> half of it/);
  assert.equal(await told.locator("img").count(), 0);
  await picture("inspection");
  await page.keyboard.press("Escape");
  assert.equal(await told.count(), 0);
  assert.equal(await last.locator(".cm-content").count(), 1, "Escape left the editor too");

  const warning = byId(page, "kernel-idle");
  await warning.waitFor();
  await picture("idle");
  await byId(page, "keep-kernel").click();
  await warning.waitFor({ state: "detached" });
  await warning.waitFor();
  await last.locator(".cm-content").click();
  await page.keyboard.type("(4)");
  await warning.waitFor({ state: "detached" });
  await page.keyboard.press("Shift+Enter");
  await last.locator("[data-testid=cell-status][data-outcome=OK]").or(byId(page, "cell").nth(-2).locator("[data-outcome=OK]")).first().waitFor();
});
