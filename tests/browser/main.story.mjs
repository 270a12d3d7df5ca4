// The main job on the page: sign in, upload, analyse live, reload in the middle of a run, stop, find it in the history.
import assert from "node:assert/strict";
import { administrator, byId, ended, fits, origin, run, setUp, story, upload } from "./page.mjs";

const table = `编号,city,sales,day\n${Array.from({ length: 200 }, (_, row) => `${String(row).padStart(3, "0")},${["北京", "上海", "深圳"][row % 3]},${row % 7 ? row * 1.5 : ""},2024-0${1 + (row % 9)}-15`).join("\n")}\n`;

/** Keys go from cell to cell, whatever is in view, and copy what one holds. */
async function cellsByKeys(page, context) {
  const grid = byId(page, "grid");
  const at = (row, column) => grid.locator(`[aria-rowindex="${row}"] > [aria-colindex="${column}"]:focus`).waitFor();
  await page.getByRole("tab", { name: "Cells" }).focus();
  await page.keyboard.press("Tab");
  // Radix gives the panel of a tab a stop of its own.
  await page.keyboard.press("Tab");
  await at(2, 2);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowRight");
  await at(3, 3);
  assert.equal(await grid.locator("[tabindex='0']").count(), 1);
  await context.grantPermissions(["clipboard-read"]);
  await page.keyboard.press("Control+c");
  await byId(page, "toast").getByText("Copied").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "上海");
  await page.keyboard.press("Control+End");
  await at(201, 5);
  await page.keyboard.press("Home");
  await page.keyboard.press("PageUp");
  assert.ok((await grid.evaluate((element) => element.scrollTop)) > 3000);
  await grid.hover();
  await page.mouse.wheel(0, -10_000);
  await grid.and(page.locator(":focus")).waitFor();
  await page.keyboard.press("End");
  await grid.locator("[aria-colindex='5']:focus").waitFor();
  const seen = () => grid.evaluate((element) => {
    const [cell, view] = [document.activeElement, element].map((each) => each.getBoundingClientRect());
    return cell.top >= view.top + 31 && cell.bottom <= view.bottom && cell.right <= view.right;
  });
  assert.ok(await seen(), "the cell with the focus is out of sight");
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("ArrowUp");
  await at(1, 2);
  assert.equal(await grid.locator(":focus").innerText(), "编号");
  await page.keyboard.press("ArrowDown");
  await grid.getByText("深圳").first().click();
  await at(4, 3);
}

await story("main", {}, async ({ page, context, picture }) => {
  await setUp(page);
  await picture("home");
  await upload(page, "销售 sales.csv", table);
  await byId(page, "dataset-row").first().getByRole("link").click();
  await page.getByText("编号").first().waitFor();
  await page.getByText("007").first().waitFor();
  await picture("dataset");
  await cellsByKeys(page, context);
  await picture("cell");

  // A table that was picked and is deleted is not taken into an analysis.
  await upload(page, "spare.csv", "a,b\n1,2\n");
  const spare = byId(page, "dataset-row").filter({ hasText: "spare" });
  await spare.getByRole("checkbox").check();
  const picked = page.getByRole("button", { name: /^Analyse 1/ });
  await picked.waitFor();
  await spare.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await spare.waitFor({ state: "detached" });
  assert.equal(await picked.count(), 0, "a deleted table stayed picked");

  await page.goto(`${origin}/datasets`);
  await byId(page, "dataset-row").first().getByRole("button", { name: "Analyse" }).click();
  await byId(page, "notebook").waitFor();
  const first = await run(page, "print(len(df), df.columns.tolist())\ndf.groupby('city')['sales'].sum()");
  await ended(first, "OK");
  assert.match(await first.innerText(), /200 \['编号', 'city', 'sales', 'day'\]/);

  const chart = await run(page, "import matplotlib.pyplot as plt\ndf.groupby('city')['sales'].sum().plot.bar(title='各城市销售额'); plt.show()");
  await ended(chart, "OK");
  const image = chart.locator("img");
  await image.waitFor();
  // It has its place before it is drawn.
  await page.waitForFunction((element) => element.complete && element.naturalWidth > 100, await image.elementHandle());
  assert.ok(!/missing from font/i.test(await chart.innerText()), "Chinese text is drawn as boxes");
  await picture("notebook");

  const failed = await run(page, "df['nothing']");
  await ended(failed, "ERROR");
  assert.match(await failed.innerText(), /KeyError/);

  const slow = await run(page, "import time\nfor i in range(40):\n    print('line', i, flush=True)\n    time.sleep(0.1)");
  await slow.getByText("line 3").waitFor();
  await page.reload();
  const again = byId(page, "cell").filter({ hasText: "time.sleep" });
  await ended(again, "OK");
  const lines = (await again.getByTestId("output-stdout").innerText()).match(/line \d+/g);
  assert.deepEqual(lines, Array.from({ length: 40 }, (_, i) => `line ${i}`), "lost or doubled by the reload");

  const forever = await run(page, "while True:\n    pass");
  await page.locator(`[data-testid=cell][data-status=running]`).waitFor();
  await byId(page, "stop").click();
  await ended(forever, "INTERRUPTED");

  const asks = await run(page, "name = input('Who? ')\nprint('Hello', name)");
  const question = asks.getByTestId("input-request");
  await question.locator("input").fill("世界");
  await page.keyboard.press("Enter");
  await ended(asks, "OK");
  assert.match(await asks.innerText(), /Hello 世界/);

  await page.goto(`${origin}/history`);
  await byId(page, "history-row").filter({ hasText: "name = input" }).waitFor();
  const rows = await byId(page, "history-row").count();
  assert.equal(rows, 6);
  await byId(page, "history-row").filter({ hasText: "plot.bar" }).getByRole("link").click();
  await byId(page, "history-entry").locator("img").waitFor();
  await picture("entry");
  await page.goto(`${origin}/stats`);
  await byId(page, "statistics").waitFor();
  // The figures of a day are there for whoever points, taps, or has keys only; one stop for Tab leads to all days.
  const charts = { bars: /^\w+ \d+: 6 analyses, 2 not successful$/, calendar: /^\w+ \d+, \d{4}: 6 analyses$/ };
  for (const [id, today] of Object.entries(charts)) {
    const chart = byId(page, id);
    const saidOf = page.locator("section", { has: chart }).getByTestId("day-said");
    assert.match(await saidOf.innerText(), today);
    await chart.locator("[tabindex='0']").focus();
    assert.match(await chart.locator(":focus").getAttribute("aria-label"), today);
    await page.keyboard.press("ArrowLeft");
    await saidOf.getByText(": 0 analyses").waitFor();
    assert.equal(await chart.locator(":focus").getAttribute("aria-label"), await saidOf.innerText());
    assert.equal(await chart.locator("[tabindex='0']").count(), 1);
    await picture(`stats-${id}`);
    await chart.locator("button").last().click();
    assert.match(await saidOf.innerText(), today);
  }
  await picture("stats");

  // Without its script there is no editor, which the page says; what is written stays to be seen.
  await page.route(/\/assets\/editor-.*\.js$/, (route) => route.abort());
  await page.goto(origin);
  await byId(page, "kernel-card").first().click();
  // What was said before comes first: a cell that it pushes down is missed by a click.
  await byId(page, "cell-status").nth(rows - 1).waitFor();
  await byId(page, "cell").locator("img").first().waitFor();
  await byId(page, "cell").last().locator(".cell-code").click();
  await byId(page, "editor-failed").waitFor();
  await picture("no-editor");
});

await story("chinese-dark-phone", { locale: "zh-CN", colorScheme: "dark", viewport: { width: 390, height: 844 } }, async ({ page, picture }) => {
  await page.goto(`${origin}/history`);
  await page.locator("input[name=username]").fill(administrator.username);
  await page.locator("input[name=password]").fill("not the password");
  await page.locator("button[type=submit]").click();
  await byId(page, "login-error").waitFor();
  await picture("refused");
  await page.locator("input[name=password]").fill(administrator.password);
  await page.locator("button[type=submit]").click();
  await byId(page, "history-row").first().waitFor();
  assert.ok((await page.locator("body").innerText()).includes("历史"), "not in Chinese");
  await fits(page);
  await picture("history");
  await page.goto(`${origin}/stats`);
  await byId(page, "calendar").waitFor();
  await fits(page);
  await picture("stats");
  await page.goto(origin);
  await byId(page, "kernel-card").first().click();
  await byId(page, "cell").first().waitFor();
  await fits(page);
  await picture("notebook");

  // HTML with looks of its own stands on white, and is not drawn anew because the theme is another.
  const script = "window.times = (window.times || 0) + 1; document.getElementById(`line`).textContent = `drawn ` + times";
  const styled = await run(page, `from IPython.display import HTML\nHTML('<style>p { color: black }</style><p id="line"></p><script>${script}</script>')`);
  const frame = styled.frameLocator("iframe");
  await frame.getByText("drawn 1").waitFor();
  assert.equal(await frame.locator("html").evaluate((element) => getComputedStyle(element).backgroundColor), "rgb(255, 255, 255)");
  await picture("styled");
  await page.emulateMedia({ colorScheme: "light" });
  await ended(await run(page, "print('later')"), "OK");
  assert.equal(await frame.locator("#line").innerText(), "drawn 1");
});

await story("run-all", {}, async ({ page, picture }) => {
  await page.goto(origin);
  await page.locator("input[name=username]").fill(administrator.username);
  await page.locator("input[name=password]").fill(administrator.password);
  await page.locator("button[type=submit]").click();
  await byId(page, "new-analysis").click();
  await byId(page, "new-analysis-dialog").getByRole("button", { name: "Start without tables" }).click();
  await byId(page, "notebook").waitFor();
  const first = await run(page, "n = globals().get('n', 0) + 1\nassert n < 2");
  const others = [];
  for (let at = 0; at < 4; at++) others.push(await run(page, `print('after', n, ${at})`));
  await ended(others.at(-1), "OK");
  // The second time the first one fails: nothing begins on what it left, though it may have been sent by then.
  await page.getByRole("button", { name: "Run all" }).click();
  await ended(first, "ERROR");
  for (const cell of others) {
    await page.waitForFunction((element) => ["done", "new"].includes(element.dataset.status), await cell.elementHandle());
    assert.doesNotMatch(await cell.innerText(), /after 2/);
  }
  await picture("ended");
});
