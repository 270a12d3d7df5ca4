// A result that is too long for the history: its entry says so and where all of it is, and shows that as long as it is there.
import assert from "node:assert/strict";
import { byId, ended, fits, origin, run, setUp, story } from "./page.mjs";

const LINES = 40_000;
const log = "**/fenxi.analysis.v1.ExecutionService/WatchExecution";

await story("cut", {}, async ({ page, picture }) => {
  await setUp(page);
  await byId(page, "new-analysis").click();
  await byId(page, "new-analysis-dialog").getByRole("button", { name: "Start without tables" }).click();
  await byId(page, "notebook").waitFor();
  await ended(await run(page, `for i in range(${LINES}): print('line', i)`), "OK");

  await page.goto(`${origin}/history`);
  await byId(page, "history-row").first().getByRole("link").click();
  const entry = byId(page, "history-entry");
  const lines = async () => (await entry.getByTestId("output-stdout").allTextContents()).join("\n").match(/line \d+/g);
  const notice = entry.getByTestId("result-cut");
  const show = entry.getByTestId("show-whole");
  await notice.getByText("All of it is in the log of the run").waitFor();
  const marker = entry.getByTestId("truncated");
  assert.match(await marker.innerText(), /the history keeps 256 KB of a result\. All of it is in the log of the run/);
  const kept = await lines();
  assert.ok(kept.length < LINES && kept[0] === "line 0" && kept.at(-1) === `line ${LINES - 1}`, "not its beginning and its end");
  await picture("kept");
  await page.setViewportSize({ width: 390, height: 844 });
  await fits(page);
  await picture("kept-phone");
  await page.setViewportSize({ width: 1280, height: 860 });

  // A log that cannot be had just now may be asked for again.
  const refuse = (code) => (route) => route.fulfill({ status: 200, headers: { "content-type": "application/grpc-web+proto", "grpc-status": code, "grpc-message": "no" } });
  await page.route(log, refuse("7"), { times: 1 });
  await show.click();
  await notice.getByRole("alert").waitFor();
  await show.click();
  await notice.waitFor({ state: "detached" });
  assert.deepEqual(await lines(), Array.from({ length: LINES }, (_, line) => `line ${line}`));
  assert.equal(await marker.count(), 0);
  await entry.locator(".entry-result:focus").waitFor();
  await picture("whole");

  // Gone, it is said to be, and what the history has kept stays.
  await page.route(log, refuse("5"));
  await page.reload();
  await show.click();
  await notice.getByText("is not kept any more").waitFor();
  await marker.getByText("is not kept any more").waitFor();
  assert.equal(await show.count(), 0);
  assert.deepEqual(await lines(), kept);
  await picture("gone");
});
