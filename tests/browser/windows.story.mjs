// Many windows that run at once: the browser has six connections for all of them, and what a person asks for gets through.
import assert from "node:assert/strict";
import { byId, ended, origin, run, setUp, story } from "./page.mjs";

const WINDOWS = 5;

await story("windows", {}, async ({ page, context, picture }) => {
  await setUp(page);
  const windows = [];
  for (let at = 0; at < WINDOWS; at++) {
    const window = at === 0 ? page : await context.newPage();
    await window.goto(origin);
    await byId(window, "new-analysis").click();
    await byId(window, "new-analysis-dialog").getByRole("button", { name: "Start without tables" }).click();
    await byId(window, "notebook").waitFor();
    const cell = await run(window, "import time\nfor i in range(600):\n    print('line', i, flush=True)\n    time.sleep(0.5)");
    await cell.getByText("line 1", { exact: false }).first().waitFor();
    windows.push({ window, cell });
  }
  // Whether it has a stream or asks now and then, each goes on to show what is printed.
  for (const { cell } of windows) {
    const shown = (await cell.innerText()).match(/line \d+/g).length;
    await cell.getByText(`line ${shown + 2}`).waitFor();
  }
  for (const { window, cell } of windows) {
    await byId(window, "stop").click();
    await ended(cell, "INTERRUPTED");
    const lines = (await cell.getByTestId("output-stdout").allInnerTexts()).join("\n").match(/line \d+/g);
    assert.deepEqual(lines, lines.map((_, at) => `line ${at}`), "lost or doubled");
  }
  await picture("stopped");
});
