// Lists: the box that searches one says what the list shows, however a person came to it.
import assert from "node:assert/strict";
import { byId, ended, origin, run, setUp, story } from "./page.mjs";

await story("lists", {}, async ({ page }) => {
  await setUp(page);
  await byId(page, "new-analysis").click();
  await byId(page, "new-analysis-dialog").getByRole("button", { name: /^Start/ }).click();
  await byId(page, "notebook").waitFor();
  await ended(await run(page, "print('important')"), "OK");
  await ended(await run(page, "print('other')"), "OK");

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
});
