// Narrow: what sticks to the top stays to be seen below the toolbar, and an error keeps its name.
import assert from "node:assert/strict";
import { byId, ended, fits, origin, run, setUp, story } from "./page.mjs";

const top = (locator) => locator.evaluate((element) => element.getBoundingClientRect().top);
const bottom = (locator) => locator.evaluate((element) => element.getBoundingClientRect().bottom);

await story("narrow", {}, async ({ page, picture }) => {
  await setUp(page);
  await page.setViewportSize({ width: 390, height: 844 });
  await byId(page, "new-analysis").click();
  await byId(page, "new-analysis-dialog").getByRole("button", { name: /^Start/ }).click();
  await byId(page, "notebook").waitFor();

  // However long its message is, the name of an error stands on one line. It is read with the cell's news, not as an alert
  // for each error of a notebook that is opened.
  const failed = await run(page, "raise ValueError('something that has gone wrong ' * 20)");
  await ended(failed, "ERROR");
  const name = failed.getByTestId("output-error").locator("strong");
  assert.ok((await name.boundingBox()).height < 30, "the name of the error is broken");
  assert.equal(await failed.getByRole("alert").count(), 0);
  await failed.getByTestId("cell-news").getByText("Cell 1: Error").waitFor({ state: "attached" });

  // An empty cell that is reached by keys shows it.
  const empty = byId(page, "cell").last().getByRole("button", { name: "Cell 2", exact: true });
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  while (!(await empty.evaluate((element) => element === document.activeElement))) await page.keyboard.press("Tab");
  assert.notEqual(await empty.evaluate((element) => getComputedStyle(element).boxShadow), "none");
  await picture("empty");

  // Nor is what is reached by keys covered by the places at the foot.
  await page.setViewportSize({ width: 390, height: 500 });
  const add = page.getByRole("button", { name: "Add a cell" });
  await empty.focus();
  await add.evaluate((element) => scrollBy(0, element.getBoundingClientRect().bottom - innerHeight + 5));
  while (!(await add.evaluate((element) => element === document.activeElement))) await page.keyboard.press("Tab");
  assert.ok((await bottom(add)) <= (await top(page.locator(".side"))), "what has the focus is covered");
  await picture("foot");
  await page.setViewportSize({ width: 390, height: 844 });

  await run(page, "import os\nfor i in range(30): print('line', i)\nos._exit(1)");
  const dead = byId(page, "kernel-dead");
  await dead.waitFor();
  const toolbar = page.locator(".toolbar");
  for (const width of [390, 800, 1280]) {
    await page.setViewportSize({ width, height: 500 });
    await page.evaluate(() => scrollTo(0, 200));
    await page.waitForFunction(() => scrollY >= 150);
    assert.ok((await top(dead)) >= (await bottom(toolbar)), `the notice slid under the toolbar at ${width}`);
    const between = await dead.evaluate((notice) => {
      const { left, right, top: below } = notice.getBoundingClientRect();
      return [left + 20, (left + right) / 2, right - 20].filter((x) => document.elementFromPoint(x, below - 5) !== notice).length;
    });
    assert.equal(between, 0, `the cells show between the toolbar and the notice at ${width}`);
    await fits(page);
    await picture(`dead-${width}`);
  }
  await page.emulateMedia({ colorScheme: "dark" });
  await picture("dark");

  // Code ends before the cell's menu, and a setting's name stands beside its choice or above it.
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 360, height: 640 });
  const cell = byId(page, "cell").first();
  const code = await cell.locator(".cell-code > *").first().boundingBox();
  const menu = await cell.locator(".cell-menu").boundingBox();
  assert.ok(code.x + code.width <= menu.x + 1, "the menu covers code");
  await page.setViewportSize({ width: 320, height: 640 });
  await page.goto(new URL("/settings", page.url()).href);
  const [label, choice] = [page.locator(".choice > .grow").last(), page.locator(".choice .segments")];
  const [name_, room] = [await label.evaluate((element) => element.scrollWidth <= element.clientWidth), await choice.boundingBox()];
  assert.ok(name_ && room.x >= 0 && room.x + room.width <= 320, "the name of a setting is covered");
  await fits(page);
  await picture("settings");

  // An administrator's place is within reach too, and every place has its room.
  await page.setViewportSize({ width: 320, height: 640 });
  await page.getByRole("link", { name: "Users" }).click();
  await byId(page, "user-row").waitFor();
  await fits(page);
  await picture("users");
});
