// Looking into a kernel from the page: completion while a cell runs, and the panel of variables.
import assert from "node:assert/strict";
import { byId, ended, origin, run, setUp, story, upload } from "./page.mjs";

const table = `city,sales\n${Array.from({ length: 120 }, (_, row) => `${["北京", "上海"][row % 2]},${row === 1 ? "" : row}`).join("\n")}\n`;

/** Types into the last cell, key by key. */
async function type(page, text) {
  const cell = byId(page, "cell").last();
  await cell.locator(".cell-code").click();
  await cell.locator(".cm-content").waitFor();
  await page.keyboard.type(text);
  return cell;
}

await story("variables", {}, async ({ page, picture }) => {
  await setUp(page);
  await upload(page, "sales.csv", table);
  await page.goto(`${origin}/datasets`);
  await byId(page, "dataset-row").first().getByRole("button", { name: "Analyse" }).click();
  await byId(page, "notebook").waitFor();
  await byId(page, "show-variables").click();
  const variable = (name) => page.locator(`[data-testid=variable][data-name=${name}]`);
  assert.match(await variable("df").innerText(), /DataFrame[\s\S]*120 rows × 2 columns/);

  await ended(await run(page, "class Broken:\n    def __repr__(self): raise ValueError('no')\nbroken = Broken()\nwords = ['a', 'b']"), "OK");
  await variable("words").waitFor();
  assert.match(await variable("words").innerText(), /\['a', 'b'\]/);
  assert.match(await variable("broken").innerText(), /ValueError: no/);

  await variable("df").click();
  const preview = byId(page, "variable-preview");
  await preview.getByText("北京").first().waitFor();
  assert.equal(await preview.locator("tbody tr").count(), 50);
  assert.equal((await preview.locator("tbody tr").nth(1).locator("td").allInnerTexts()).join("|"), "上海|–");
  await picture("table");
  await preview.getByRole("button", { name: "Forward" }).click();
  await preview.getByRole("rowheader", { name: "51", exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await variable("broken").click();
  await preview.getByText("This value cannot be shown. ValueError: no").waitFor();
  await page.keyboard.press("Escape");

  const busy = await run(page, "while True:\n    pass");
  await page.locator("[data-testid=cell][data-status=running]").waitFor();
  const cell = await type(page, "x = '😀'; df.colu");
  const completions = page.locator(".cm-tooltip-autocomplete");
  // By itself first: with it open, Tab takes what it offers.
  await completions.getByText("columns").first().waitFor();
  await page.keyboard.press("Escape");
  await completions.waitFor({ state: "detached" });
  await page.keyboard.press("Tab");
  await completions.getByText("columns").first().waitFor();
  await picture("completion");
  // A list that has only just come does not take a key meant for the text.
  await completions.locator("li").first().click();
  await cell.locator(".cm-content").getByText("df.columns").waitFor();
  assert.equal((await cell.locator(".cm-content").innerText()).trim(), "x = '😀'; df.columns");
  await variable("words").click();
  await preview.getByText("['a', 'b']").waitFor();
  await page.keyboard.press("Escape");
  await byId(page, "stop").click();
  await ended(busy, "INTERRUPTED");
  assert.doesNotMatch(await busy.innerText(), /columns|Broken/);

  await page.reload();
  await variable("df").waitFor();

  // On a phone it is not open unasked, and lies above the navigation.
  await page.setViewportSize({ width: 390, height: 844 });
  const edge = (element, side) => element.evaluate((node, name) => node.getBoundingClientRect()[name], side);
  const places = page.locator(".side");
  assert.ok((await edge(byId(page, "variables"), "bottom")) <= (await edge(places, "top")), "the panel lies under the navigation");
  await picture("phone");
  await page.reload();
  await byId(page, "notebook").waitFor();
  assert.equal(await byId(page, "variables").count(), 0);
  await page.setViewportSize({ width: 800, height: 844 });
  await byId(page, "show-variables").click();
  await variable("df").waitFor();
  assert.ok((await edge(byId(page, "variables"), "left")) >= (await edge(places, "right")), "the panel lies under the places");
  await page.setViewportSize({ width: 1280, height: 860 });

  await byId(page, "variables").getByRole("button", { name: "Close" }).click();
  assert.equal(await byId(page, "variables").count(), 0);
});
