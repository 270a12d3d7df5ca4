// The keyboard: what a person writes goes where they write, keys act on the cell that has the focus, and none goes dead.
import assert from "node:assert/strict";
import { byId, ended, origin, run, setUp, story } from "./page.mjs";

const on = (cell) => cell.and(cell.page().locator(".cell-on")).waitFor();
const focused = (locator) => locator.and(locator.page().locator(":focus")).waitFor();

await story("keys", {}, async ({ page, picture }) => {
  await setUp(page);
  await byId(page, "new-analysis").click();
  await byId(page, "new-analysis-dialog").getByRole("button", { name: /^Start/ }).click();
  await byId(page, "notebook").waitFor();

  // A cell asks while a person writes in the next one: it is marked, and gets nothing of what is written.
  const asks = await run(page, "import time\ntime.sleep(3)\nx = input('Delete? ')");
  const editor = page.locator(".cell-edit .cm-content");
  await focused(editor);
  await page.keyboard.type("other = 1");
  await asks.getByTestId("input-request").waitFor();
  await page.keyboard.type("2");
  await editor.getByText("other = 12").waitFor();
  await focused(editor);
  await asks.getByTestId("cell-news").getByText("Cell 1: Asks for input").waitFor({ state: "attached" });
  await picture("asks");
  await asks.locator("input").fill("no");
  await page.keyboard.press("Enter");
  await ended(asks, "OK");
  // Who only chose a cell is asked at once; and then the keys are those of the notebook.
  await asks.locator(".cell-code").click();
  await page.locator(".cell-edit .cm-focused").waitFor();
  await page.keyboard.press("Control+Enter");
  await focused(asks.locator("input"));
  await page.keyboard.type("yes");
  await page.keyboard.press("Enter");
  await asks.getByText("Delete? yes").waitFor();
  await ended(asks, "OK");
  await on(asks);
  await page.keyboard.press("j");
  await on(byId(page, "cell").nth(1));
  await page.keyboard.press("b");

  // A click in what a cell said chooses that cell. Arrows scroll there.
  const long = await run(page, "for i in range(200): print('line', i)");
  await ended(long, "OK");
  const short = await run(page, "print('short')");
  await ended(short, "OK");
  await page.keyboard.press("Escape");
  const cells = byId(page, "cell");
  const count = await cells.count();
  await short.locator(".cell-code").click();
  await page.keyboard.press("Escape");
  await on(short);
  const box = long.getByRole("region");
  await box.evaluate((element) => element.scrollTo(0, 0));
  await box.click();
  await on(long);
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction((element) => element.scrollTop > 0, await box.elementHandle());
  await on(long);
  await page.keyboard.press("d");
  await page.keyboard.press("d");
  await long.waitFor({ state: "detached" });
  assert.equal(await short.count(), 1, "another cell than the one that was clicked was deleted");
  await byId(page, "toast").getByRole("button", { name: "Undo" }).click();
  await focused(long);

  // Whatever of a cell has the focus: the cell is chosen. On the toolbar single keys are nothing.
  await short.getByTestId("run-cell").focus();
  await on(short);
  await byId(page, "run-all").focus();
  for (const key of ["d", "d", "a", "j"]) await page.keyboard.press(key);
  assert.equal(await cells.count(), count, "a key on the toolbar was a command");
  await on(short);

  // Keys live on behind a button that has gone, and in a page just opened.
  const forever = await run(page, "while True: pass");
  await page.locator("[data-testid=cell][data-status=running]").waitFor();
  await page.keyboard.press("Escape");
  await byId(page, "stop").click();
  await ended(forever, "INTERRUPTED");
  await focused(cells.last());
  await page.keyboard.press("k");
  await on(forever);
  await page.keyboard.press("Control+Enter");
  await forever.and(page.locator("[data-status=running]")).waitFor();
  await forever.getByTestId("stop-cell").click();
  await ended(forever, "INTERRUPTED");
  await page.keyboard.press("k");
  await on(short);
  await page.reload();
  await short.waitFor();
  await page.keyboard.press("j");
  await focused(cells.first());

  // What gets the focus from below does not lie under the toolbar.
  await page.setViewportSize({ width: 1280, height: 420 });
  await cells.last().focus();
  const places = await cells.count();
  for (let press = 0; press < places * 6; press += 1) {
    await page.keyboard.press("Shift+Tab");
    const hidden = await page.evaluate(() => {
      const [active, bar] = [document.activeElement, document.querySelector(".toolbar")];
      const [{ top, height }, { bottom }] = [active.getBoundingClientRect(), bar.getBoundingClientRect()];
      // What is higher than the room for it is seen in part.
      if (!active.closest(".cells") || height > innerHeight - bottom) return "";
      return top < bottom ? active.outerHTML.slice(0, 200) : "";
    });
    assert.equal(hidden, "", "it is under the toolbar");
  }
  await page.setViewportSize({ width: 1280, height: 860 });

  // A button that is busy keeps the focus, and is pressed once.
  let asked = 0;
  let answer = () => {};
  const held = new Promise((resolve) => (answer = resolve));
  await page.route("**/*KernelService/UpdateKernel", async (route) => {
    asked += 1;
    await held;
    await route.continue();
  });
  await byId(page, "title").click();
  const dialog = byId(page, "rename");
  await dialog.locator("input:focus").fill("named");
  const save = dialog.getByRole("button", { name: "Save" });
  await save.focus();
  await page.keyboard.press("Enter");
  await save.and(page.locator("[aria-disabled=true]")).waitFor();
  await focused(save);
  await page.keyboard.press("Enter");
  await dialog.locator("input").press("Enter");
  answer();
  await dialog.waitFor({ state: "detached" });
  assert.equal(asked, 1, "a busy button was pressed");
});
