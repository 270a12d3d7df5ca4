// What a person asked for and did not wait for: it is done once, it is told, and nobody is taken away from where they are.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { byId, ended, origin, run, setUp, story, upload } from "./page.mjs";

const CREATE = "**/fenxi.analysis.v1.KernelService/CreateKernel";
const LONG = `a very long name of a file ${"with many words ".repeat(7)}.csv`;

const begin = async (page) => {
  await page.goto(origin);
  await byId(page, "new-analysis").click();
  await byId(page, "new-analysis-dialog").getByRole("button", { name: /^Start/ }).waitFor();
};
/** Ends the kernel of the notebook that is open. */
const end = async (page) => {
  await page.getByRole("button", { name: "More actions" }).first().click();
  await page.getByRole("menuitem", { name: "End kernel" }).click();
  await page.getByRole("button", { name: "End kernel" }).click();
  await byId(page, "new-analysis").waitFor();
};
const start = (page) => byId(page, "new-analysis-dialog").getByRole("button", { name: /^Start/ }).click();

await story("elsewhere", {}, async ({ page, picture }) => {
  await setUp(page);

  // Whoever has gone elsewhere stays there.
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route(CREATE, async (route) => {
    await held;
    await route.continue();
  });
  await begin(page);
  await page.getByRole("textbox", { name: "Name" }).fill("left alone");
  await start(page);
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "Statistics" }).click();
  await page.getByRole("heading", { name: "Statistics" }).waitFor();
  release();
  await byId(page, "toast").getByText("“left alone” has started").waitFor();
  assert.ok(page.url().endsWith("/stats"), page.url());
  await byId(page, "toast").getByRole("button", { name: "Open" }).click();
  await byId(page, "notebook").waitFor();
  await page.unroute(CREATE);

  // An answer that is lost, and another press: one kernel.
  const answers = [];
  await page.route(CREATE, async (route) => {
    answers.push((await route.fetch()).status());
    if (answers.length === 1) await route.abort();
    else await route.continue();
  });
  await begin(page);
  await page.getByRole("textbox", { name: "Name" }).fill("asked twice");
  await start(page);
  await byId(page, "toast").first().waitFor();
  await start(page);
  await byId(page, "notebook").waitFor();
  await page.unroute(CREATE);
  await page.goto(origin);
  await page.getByRole("link", { name: /asked twice/ }).first().waitFor();
  assert.equal(await page.getByRole("link", { name: /asked twice/ }).count(), 1);
  assert.deepEqual(answers, [200, 200]);
  // Either can be ended without being opened.
  await page.locator(".kernel-card").filter({ hasText: "left alone" }).getByRole("button", { name: "End kernel" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "End kernel" }).click();
  await page.getByRole("link", { name: /left alone/ }).waitFor({ state: "detached" });

  // An upload goes on behind a closed dialog, and says so until it is a dataset.
  let go;
  const gate = new Promise((resolve) => (go = resolve));
  await page.route("**/uploads/*", async (route) => {
    if (route.request().method() === "PATCH") await gate;
    await route.continue();
  });
  await page.goto(`${origin}/datasets`);
  await page.getByRole("button", { name: "Upload" }).first().click();
  await byId(page, "file-input").setInputFiles({ name: "slow.csv", mimeType: "text/csv", buffer: Buffer.from("a,b\n1,2\n") });
  await page.locator("[data-testid=upload-item][data-phase=sending]").waitFor();
  await page.keyboard.press("Escape");
  await byId(page, "upload-chip").getByText("Uploading 1 file").waitFor();
  go();
  await byId(page, "upload-chip").getByText("1 file is uploaded and no dataset yet").waitFor();
  await picture("chip");
  await byId(page, "upload-chip").click();
  // Its answer is lost; pressed again, it is the dataset that was made.
  const lost = async (route) => {
    await route.fetch();
    await route.abort();
  };
  await page.route("**/fenxi.analysis.v1.DatasetService/CompleteUpload", lost, { times: 1 });
  await byId(page, "complete-upload").click();
  await byId(page, "upload-dialog").getByText("The service does not answer").waitFor();
  await byId(page, "complete-upload").click();
  await page.locator("[data-testid=upload-item][data-phase=done]").waitFor();
  await page.getByRole("button", { name: "Take off the list" }).click();
  await page.locator("[data-testid=upload-item]").waitFor({ state: "detached" });
  await page.keyboard.press("Escape");
  await byId(page, "upload-dialog").waitFor({ state: "detached" });
  assert.equal(await byId(page, "upload-chip").count(), 0);
  await page.unroute("**/uploads/*");

  // A file that is saved anew before it is there is not the one that was chosen: that is said, and not tried without end.
  const folder = mkdtempSync(join(tmpdir(), "fenxi-"));
  const path = join(folder, "saved.csv");
  writeFileSync(path, "a,b\n1,2\n");
  await page.route("**/uploads", async (route) => {
    writeFileSync(path, "a,b\n1,2\n3,4\n");
    utimesSync(path, 1, 1);
    await route.continue();
  });
  await page.getByRole("button", { name: "Upload" }).first().click();
  await byId(page, "file-input").setInputFiles(path);
  await page.locator("[data-testid=upload-item][data-phase=failed]").getByText("The file has changed or gone since").waitFor();
  await picture("changed");
  await page.getByRole("button", { name: "Remove" }).click();
  await page.keyboard.press("Escape");
  await page.unroute("**/uploads");
  rmSync(folder, { recursive: true });

  // A table is known by its name, however long that is.
  await upload(page, LONG, "a,b\n1,2\n");
  await begin(page);
  const row = byId(page, "new-analysis-dialog").locator(".list-row").filter({ hasText: "a very long name" });
  await row.waitFor();
  const share = await row.evaluate((element) => element.querySelector(".dataset-link").clientWidth / element.clientWidth);
  assert.ok(share > 0.35, `the name has ${share} of its row`);
  await picture("long-name");

  // What has ended is no dead end: the same code, and the same tables, in a new kernel. So is what the history keeps.
  await upload(page, "pairs.csv", "a,b\n1,2\n3,4\n");
  await byId(page, "dataset-row").filter({ hasText: "pairs" }).getByRole("button", { name: "Analyse" }).click();
  await byId(page, "notebook").waitFor();
  await ended(await run(page, "df.a.sum()"), "OK");
  const former = page.url();
  await end(page);
  await page.goto(former);
  await byId(page, "kernel-gone").waitFor();
  await page.locator("[data-testid=kernel-state][data-state=dead]").waitFor();
  assert.ok(await byId(page, "run-all").isDisabled());
  await byId(page, "start-anew").click();
  await page.waitForURL((url) => url.href !== former);
  const again = byId(page, "cell").first();
  await again.getByText("df.a.sum()").waitFor();
  await byId(page, "run-all").click();
  await ended(again, "OK");
  await again.getByTestId("output-text").getByText("4").waitFor();
  await picture("anew");
  await page.goto(`${origin}/history`);
  await byId(page, "history-row").filter({ hasText: "df.a.sum()" }).first().getByRole("link").click();
  await byId(page, "run-again").click();
  await byId(page, "notebook").waitFor();
  await byId(page, "cell").first().getByText("df.a.sum()").waitFor();
  await byId(page, "run-all").click();
  await ended(byId(page, "cell").first(), "OK");

  // A table that is deleted meanwhile is missing in it, which is said and stays said; the others are there.
  await upload(page, "lasting.csv", "a,b\n5,6\n");
  for (const name of ["pairs", "lasting"]) await byId(page, "dataset-row").filter({ hasText: name }).getByRole("checkbox").check();
  await page.getByRole("button", { name: "Analyse 2 tables" }).click();
  await byId(page, "notebook").waitFor();
  await ended(await run(page, "lasting.a.sum()"), "OK");
  const two = page.url();
  await end(page);
  await page.goto(`${origin}/datasets`);
  const pairs = byId(page, "dataset-row").filter({ hasText: "pairs" });
  await pairs.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await pairs.waitFor({ state: "detached" });
  await page.goto(two);
  await byId(page, "start-anew").click();
  await page.waitForURL((url) => url.href !== two);
  await byId(page, "toast").getByText("Started without pairs: deleted meanwhile.").waitFor();
  await byId(page, "run-all").click();
  await ended(byId(page, "cell").first(), "OK");
  await picture("without");
});
