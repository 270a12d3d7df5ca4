// Lists: the box that searches one says what the list shows, however a person came to it; and what is in them is renamed.
import assert from "node:assert/strict";
import { byId, ended, origin, run, setUp, story, titled } from "./page.mjs";

await story("lists", {}, async ({ page, picture }) => {
  await setUp(page);
  await byId(page, "new-analysis").click();
  await byId(page, "new-analysis-dialog").getByRole("button", { name: /^Start/ }).click();
  await byId(page, "notebook").waitFor();
  await ended(await run(page, "print('important')"), "OK");
  await ended(await run(page, "print('other')"), "OK");
  const notebook = page.url();

  // A notebook has another name at once, on the tab and in the list, where it is given yet another. The field has the focus
  // however the dialog was opened, and what opened it has it after.
  const rename = async (name, opener) => {
    await byId(page, "rename").locator("input:focus").fill(name);
    await page.keyboard.press("Enter");
    await byId(page, "rename").waitFor({ state: "detached" });
    await opener.and(page.locator(":focus")).waitFor();
  };
  const more = page.locator(".toolbar").getByRole("button", { name: "More actions" });
  await more.click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await rename("first", more);
  await byId(page, "title").click();
  await rename("第一季度", byId(page, "title"));
  await byId(page, "title").filter({ hasText: "第一季度" }).waitFor();
  await titled(page, /第一季度/);
  await page.goto(origin);
  await byId(page, "kernel-card").filter({ hasText: "第一季度" }).waitFor();
  await byId(page, "kernel-rename").click();
  await rename("Q1", byId(page, "kernel-rename"));
  await byId(page, "kernel-card").filter({ hasText: "Q1" }).waitFor();

  await page.goto(`${origin}/history?q=important`);
  const box = page.getByRole("searchbox");
  await byId(page, "history-row").filter({ hasText: "important" }).waitFor();
  assert.deepEqual([await box.inputValue(), await byId(page, "history-row").count()], ["important", 1]);
  await page.getByRole("navigation").getByRole("link", { name: "History" }).click();
  await byId(page, "history-row").filter({ hasText: "other" }).waitFor();
  assert.equal(await box.inputValue(), "");
  await box.fill("other");
  await byId(page, "history-row").filter({ hasText: "important" }).waitFor({ state: "detached" });
  assert.match(page.url(), /q=other/);
  await page.goto(`${origin}/history?q=important`);
  await byId(page, "history-row").filter({ hasText: "important" }).waitFor();
  assert.equal(await box.inputValue(), "important");

  // An error stays until it is closed. What can be undone stays as long as it has the focus, which is not lost with it.
  const said = byId(page, "toast");
  await page.route("**/DeleteHistoryEntry", (route) => route.abort(), { times: 1 });
  const away = byId(page, "history-row").getByRole("button", { name: "Delete" });
  await away.press("Enter");
  const failed = said.filter({ hasText: "The service does not answer" });
  await failed.waitFor();
  await away.press("Enter");
  await said.getByRole("button", { name: "Undo" }).focus();
  await byId(page, "history-row").waitFor({ state: "detached" });
  await page.waitForTimeout(9_000);
  await failed.waitFor();
  await page.keyboard.press("Enter");
  await byId(page, "history-row").filter({ hasText: "important" }).waitFor();
  await said.filter({ hasText: "Analysis is back" }).hover();
  assert.notEqual(await page.evaluate(() => document.activeElement.tagName), "BODY");
  await picture("toasts");
  await page.waitForTimeout(5_000);
  await said.filter({ hasText: "Analysis is back" }).waitFor();
  await failed.getByRole("button", { name: "Close" }).click();
  await failed.waitFor({ state: "detached" });
  await said.waitFor({ state: "detached" });

  // Files that are chosen together: the next one opens once one is done, and the rest can be made at one go.
  await page.goto(`${origin}/datasets`);
  await page.getByRole("button", { name: "Upload" }).first().click();
  const files = ["one", "two", "three", "four"].map((name) => ({ name: `${name}.csv`, mimeType: "text/csv", buffer: Buffer.from("a,b\n1,2\n") }));
  await byId(page, "file-input").setInputFiles(files);
  const items = (phase) => page.locator(`[data-testid=upload-item][data-phase=${phase}]`);
  await items("received").nth(3).waitFor();
  await items("received").filter({ hasText: "one.csv" }).getByTestId("complete-upload").click();
  await items("done").filter({ hasText: "one.csv" }).waitFor();
  await items("received").filter({ hasText: "two.csv" }).getByTestId("upload-preview").waitFor();
  await byId(page, "make-all").click();
  await items("done").nth(3).waitFor();
  await page.keyboard.press("Escape");
  await byId(page, "dataset-row").nth(3).waitFor();

  // A filter by a dataset that is no more says so, and can be cleared.
  const one = byId(page, "dataset-row").filter({ hasText: "one" });
  const [, datasetId] = (await one.getByRole("link").getAttribute("href")).split("/d/");
  await one.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await one.waitFor({ state: "detached" });
  await page.goto(`${origin}/history?dataset=${datasetId}`);
  await page.locator("option:checked", { hasText: "a deleted dataset" }).waitFor({ state: "attached" });
  await byId(page, "empty").waitFor();
  await picture("deleted-dataset");
  await page.getByRole("button", { name: "Clear filters" }).click();
  await byId(page, "history-row").nth(1).waitFor();
  assert.doesNotMatch(page.url(), /dataset/);
  await box.and(page.locator(":focus")).waitFor();

  // A long list that was scrolled: what is deleted goes at once, a double click deletes one, a failure or Undo brings it back
  // in its place, and no page is asked for again. Whoever deletes by keys goes on from there.
  await page.goto(notebook);
  const again = byId(page, "cell").first();
  await again.locator(".cell-code").click();
  for (let at = 0; at < 34; at++) {
    const asked = page.waitForResponse(/Execution/);
    await page.keyboard.press("Control+Enter");
    await asked;
    await ended(again, "OK");
  }
  await page.goto(`${origin}/history`);
  const rows = byId(page, "history-row");
  await page.getByRole("button", { name: "Show more" }).click();
  await rows.nth(35).waitFor();
  const lists = [];
  page.on("request", (request) => /ListHistory$/.test(request.url()) && lists.push(request.url()));
  const names = () => page.locator(".history-link").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  const before = await names();
  const undo = said.getByRole("button", { name: "Undo" });
  let answer;
  const held = new Promise((resolve) => (answer = resolve));
  await page.route("**/DeleteHistoryEntry", async (route) => {
    await held;
    await route.continue();
  });
  await rows.nth(32).getByRole("button", { name: "Delete" }).dblclick();
  await rows.nth(35).waitFor({ state: "detached" });
  assert.deepEqual(await names(), before.toSpliced(32, 1));
  await page.getByText("35 analyses in all").waitFor();
  answer();
  await undo.click();
  await rows.nth(35).waitFor();
  assert.deepEqual(await names(), before);
  await page.unroute("**/DeleteHistoryEntry");
  await said.filter({ hasText: "Analysis is back" }).waitFor();
  assert.equal(await undo.count(), 0, "a double click was told of twice");
  await page.route("**/DeleteHistoryEntry", (route) => route.abort(), { times: 1 });
  await rows.nth(3).getByRole("button", { name: "Delete" }).press("Enter");
  await failed.waitFor();
  await rows.nth(35).waitFor();
  assert.deepEqual(await names(), before);
  await failed.getByRole("button", { name: "Close" }).click();
  await rows.nth(3).getByRole("button", { name: "Delete" }).press("Enter");
  await rows.nth(3).getByRole("button", { name: "Delete" }).and(page.locator(":focus")).waitFor();
  await undo.waitFor();
  assert.deepEqual(await names(), before.toSpliced(3, 1));
  assert.deepEqual(lists, [], "the list was asked for again");
  await picture("deleted-by-keys");

  // Deleted ones are another list and no filter: it stays when filters are cleared.
  await page.getByRole("checkbox", { name: "Deleted ones" }).check();
  await rows.nth(1).waitFor({ state: "detached" });
  await rows.waitFor();
  assert.deepEqual(await names(), [before[3]]);
  await box.fill("nowhere");
  await byId(page, "empty").waitFor();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await rows.getByRole("button", { name: "Bring back" }).waitFor();
  assert.match(page.url(), /deleted=1/);
  await rows.getByRole("button", { name: "Bring back" }).press("Enter");
  await byId(page, "empty").waitFor();
  await page.getByRole("checkbox", { name: "Deleted ones" }).uncheck();
  await rows.nth(29).waitFor();
  assert.deepEqual((await names()).slice(0, 30), before.slice(0, 30));

  // On its own page it is brought back at once too, and what takes the place of a button has its focus; also when it fails.
  await rows.first().getByRole("link").first().click();
  const alone = byId(page, "history-entry");
  const restore = alone.getByRole("button", { name: "Bring back" });
  await alone.getByRole("button", { name: "Delete" }).waitFor();
  const its = page.url();
  await alone.getByRole("button", { name: "Delete" }).press("Enter");
  await page.waitForURL(/\/history$/);
  await page.goto(its);
  await page.route("**/UndeleteHistoryEntry", (route) => route.abort(), { times: 1 });
  await restore.press("Enter");
  await failed.waitFor();
  await restore.and(page.locator(":focus")).waitFor();
  await failed.getByRole("button", { name: "Close" }).click();
  let letAnswer;
  const answered = new Promise((resolve) => (letAnswer = resolve));
  await page.route("**/UndeleteHistoryEntry", (route) => answered.then(() => route.continue()), { times: 1 });
  await restore.press("Enter");
  await alone.getByRole("button", { name: "Delete" }).and(page.locator(":focus")).waitFor();
  assert.equal(await said.filter({ hasText: "Analysis is back" }).count(), 0, "it was said before it was so");
  letAnswer();
  await said.filter({ hasText: "Analysis is back" }).waitFor();
});
