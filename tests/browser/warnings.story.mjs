// What the reading of a table warns of is said in the page's language, before the table is made and on its own page, and in
// the other language once that is chosen.
import assert from "node:assert/strict";
import { byId, fits, origin, setUp, story } from "./page.mjs";

const TABLE = "城市,,城市,编号\n北京,1,2,001\n上海,3,4,002\n";

await story("warnings", { locale: "zh-CN" }, async ({ page, picture }) => {
  await setUp(page);
  await page.goto(`${origin}/datasets`);
  await page.getByRole("button", { name: "上传" }).first().click();
  await byId(page, "file-input").setInputFiles({ name: "cities.csv", mimeType: "text/csv", buffer: Buffer.from(TABLE) });
  const told = [
    "1 列没有名称，已自动命名：「column_2」", "1 列与其他列重名，已改名：「城市」（现为「城市_2」）", "保留为文本，因为有以 0 开头的数字：「编号」",
  ];
  const items = byId(page, "table-warnings").locator("li");
  await items.first().waitFor();
  assert.deepEqual(await items.allInnerTexts(), told);
  await picture("upload");
  await byId(page, "complete-upload").click();
  await page.keyboard.press("Escape");
  await byId(page, "dataset-row").filter({ hasText: "cities" }).getByRole("link").first().click();
  await byId(page, "dataset").waitFor();
  await items.first().waitFor();
  assert.deepEqual(await items.allInnerTexts(), told);
  await fits(page);
  await picture("dataset");

  await page.evaluate(() => localStorage.setItem("fenxi.language", "en"));
  await page.reload();
  await items.first().waitFor();
  assert.equal(await items.last().innerText(), "Kept as text, as numbers have leading zeros: “编号”");
});
