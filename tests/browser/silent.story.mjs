// Never silent: what waits says where and can be taken back, a name says what it is, and no kernel ends unwarned. The
// service of this story ends kernels soon (silent.env).
import assert from "node:assert/strict";
import { byId, ended, fits, origin, run, setUp, story, titled, upload } from "./page.mjs";

const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 860 };
const waits = (cell, text) => cell.getByTestId("cell-status").getByText(text).waitFor();

await story("silent", {}, async ({ page, context, picture }) => {
  await setUp(page);
  await upload(page, "one.csv", "x\n1\n");
  await page.goto(`${origin}/datasets`);
  await byId(page, "dataset-row").first().getByRole("button", { name: "Analyse" }).click();
  await byId(page, "notebook").waitFor();

  const busy = await run(page, "import time\nprint('on')\ntime.sleep(600)");
  await busy.getByText("on", { exact: true }).waitFor();
  await busy.getByTestId("cell-news").getByText("Cell 1: Running").waitFor({ state: "attached" });
  const [first, second, third] = [await run(page, "1"), await run(page, "2"), await run(page, "3")];
  await waits(third, "Waiting: 3 runs before it");
  await waits(first, "Waiting: 1 run before it");

  const other = await context.newPage();
  await other.goto(page.url());
  const there = (cell) => cell.getAttribute("data-cell").then((id) => other.locator(`[data-cell="${id}"]`));
  const [secondThere, thirdThere] = [await there(second), await there(third)];
  await waits(thirdThere, "Waiting: 3 runs before it");
  await page.bringToFront();
  await second.getByTestId("stop-cell").click();
  await ended(second, "CANCELLED");
  await second.getByTestId("cell-news").getByText("Cell 3: Cancelled").waitFor({ state: "attached" });
  await waits(third, "Waiting: 2 runs before it");
  await ended(secondThere, "CANCELLED");
  await picture("queue");
  await page.setViewportSize(phone);
  await fits(page);
  await picture("queue-phone");
  await page.emulateMedia({ colorScheme: "dark" });
  await picture("queue-phone-dark");
  await page.setViewportSize(desktop);
  await picture("queue-dark");
  await page.emulateMedia({ colorScheme: "light" });

  // A cell on its way is taken back, and nothing else is stopped.
  await context.route("**/*ExecutionService/Execute", (route) => route.abort());
  const never = await run(page, "print('never')");
  await never.and(page.locator("[data-status=sending]")).waitFor();
  await never.getByTestId("stop-cell").click();
  await never.and(page.locator("[data-status=new]")).waitFor();
  await context.unroute("**/*ExecutionService/Execute");

  await byId(page, "cancel-waiting").focus();
  await page.keyboard.press("Enter");
  await ended(first, "CANCELLED");
  await ended(third, "CANCELLED");
  await byId(page, "cancel-waiting").waitFor({ state: "detached" });
  await page.waitForFunction(() => document.activeElement?.closest("[data-cell]"), null, { polling: 50 });
  assert.equal(await busy.getAttribute("data-status"), "running");
  await byId(page, "stop").click();
  await ended(busy, "INTERRUPTED");
  assert.equal(await byId(page, "cancel-waiting").count(), 0);
  assert.equal(await never.getAttribute("data-status"), "new");
  assert.equal(await never.getByTestId("outputs").count(), 0);
  await other.close();

  await ended(await run(page, "def halve(number):\n    '<img src=x onerror=alert(1)> half of it'\n    return number / 2"), "OK");
  const handle = await byId(page, "cell").last().getAttribute("data-cell");
  const last = page.locator(`[data-cell="${handle}"]`);
  const cells = await byId(page, "cell").count();
  // Reached by keys, it opens only when asked to, and Tab leads on.
  await page.keyboard.press("Escape");
  const empty = last.getByRole("button", { name: `Cell ${cells}`, exact: true });
  await empty.focus();
  assert.equal(await last.locator(".cm-content").count(), 0);
  await page.keyboard.press("Tab");
  assert.ok(await empty.evaluate((element) => element !== document.activeElement));
  await empty.focus();
  await page.keyboard.press("Enter");
  await last.locator(".cm-content").waitFor();
  await page.keyboard.type("halve");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  const told = byId(page, "inspection");
  await told.getByText("halve(number)").first().waitFor();
  assert.match(await told.innerText(), /<img src=x onerror=alert\(1\)> half of it/);
  assert.equal(await told.locator("img").count(), 0);
  await picture("inspection");
  await told.click();
  await page.keyboard.type("dd");
  assert.equal(await byId(page, "cell").count(), cells, "keys in the documentation were commands");
  await page.keyboard.press("Escape");
  assert.equal(await told.count(), 0);
  assert.equal(await last.locator(".cm-content").count(), 1, "Escape left the editor too");
  await page.keyboard.press("Shift+Tab");
  await told.getByText("halve(number)").first().waitFor();
  await page.keyboard.press("Shift+Tab");
  assert.ok(await told.evaluate((element) => element === document.activeElement), "asking again does not go into it");
  await page.keyboard.press("Escape");
  assert.ok(await last.locator(".cm-content").evaluate((element) => element === document.activeElement));

  const warning = byId(page, "kernel-idle");
  await warning.waitFor();
  assert.match(await warning.innerText(), /at \d\d:\d\d, in \d+ s\./);
  await titled(page, /^! /);
  await picture("idle");
  await byId(page, "keep-kernel").click();
  await warning.waitFor({ state: "detached" });
  await warning.waitFor();
  await last.locator(".cm-content").click();
  await page.keyboard.type("(4)");
  await warning.waitFor({ state: "detached" });
  await page.keyboard.press("Shift+Enter");
  await ended(last, "OK");
  assert.match(await last.innerText(), /2\.0/);
  await page.locator("[data-testid=kernel-state][data-state=idle]").waitFor();

  // Who is on the front page hears of it as well.
  await page.goto(origin);
  await warning.waitFor();
  await picture("idle-home");
  await titled(page, /^! /);
  await byId(page, "keep-kernel").click();
  await warning.waitFor({ state: "detached" });
  await page.locator("[data-testid=kernel-state][data-state=idle]").waitFor();
});
