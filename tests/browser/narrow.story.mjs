// Narrow: an error keeps its name, and what has the focus shows it.
import assert from "node:assert/strict";
import { byId, ended, origin, run, setUp, story } from "./page.mjs";

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
});
