// The keyboard: what a person writes goes where they write.
import assert from "node:assert/strict";
import { byId, ended, origin, run, setUp, story } from "./page.mjs";

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
  // Who only chose a cell is asked at once.
  await asks.locator(".cell-code").click();
  await page.locator(".cell-edit .cm-focused").waitFor();
  await page.keyboard.press("Control+Enter");
  await focused(asks.locator("input"));
  await page.keyboard.type("yes");
  await page.keyboard.press("Enter");
  await asks.getByText("Delete? yes").waitFor();
  await ended(asks, "OK");
});
