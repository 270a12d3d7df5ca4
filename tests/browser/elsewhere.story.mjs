// What a person asked for and did not wait for: it is done once, it is told, and nobody is taken away from where they are.
import assert from "node:assert/strict";
import { byId, origin, setUp, story, upload } from "./page.mjs";

const CREATE = "**/fenxi.analysis.v1.KernelService/CreateKernel";
const LONG = `a very long name of a file ${"with many words ".repeat(7)}.csv`;

const begin = async (page) => {
  await page.goto(origin);
  await byId(page, "new-analysis").click();
  await byId(page, "new-analysis-dialog").getByRole("button", { name: /^Start/ }).waitFor();
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
  await byId(page, "complete-upload").click();
  await page.locator("[data-testid=upload-item][data-phase=done]").waitFor();
  await page.getByRole("button", { name: "Take off the list" }).click();
  await page.locator("[data-testid=upload-item]").waitFor({ state: "detached" });
  await page.keyboard.press("Escape");
  await byId(page, "upload-dialog").waitFor({ state: "detached" });
  assert.equal(await byId(page, "upload-chip").count(), 0);
  await page.unroute("**/uploads/*");

  // A table is known by its name, however long that is.
  await upload(page, LONG, "a,b\n1,2\n");
  await begin(page);
  const row = byId(page, "new-analysis-dialog").locator(".list-row").filter({ hasText: "a very long name" });
  await row.waitFor();
  const share = await row.evaluate((element) => element.querySelector(".dataset-link").clientWidth / element.clientWidth);
  assert.ok(share > 0.35, `the name has ${share} of its row`);
  await picture("long-name");
});
