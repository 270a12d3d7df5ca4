// Files: uploads that were left are found again, and what code wrote is taken out of its kernel.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { byId, ended, fits, origin, run, setUp, story, upload } from "./page.mjs";

await story("files", {}, async ({ page, picture }) => {
  await setUp(page);

  // A page that is left with two uploads that are no datasets: one there, one cut off on its way.
  await page.goto(`${origin}/datasets`);
  await page.getByRole("button", { name: "Upload" }).first().click();
  const csv = (name, text) => ({ name, mimeType: "text/csv", buffer: Buffer.from(text) });
  await byId(page, "file-input").setInputFiles(csv("whole.csv", "编号,b\n001,2\n"));
  await page.locator("[data-testid=upload-item][data-phase=received]").waitFor();
  await page.route("**/uploads/*", (route) => (route.request().method() === "PATCH" ? route.abort() : route.continue()));
  await byId(page, "file-input").setInputFiles(csv("cut.csv", "a,b\n1,2\n"));
  await page.locator("[data-testid=upload-item][data-phase=retrying]").waitFor();
  page.once("dialog", (dialog) => void dialog.accept());
  await page.reload();
  await page.unroute("**/uploads/*");
  await page.getByRole("button", { name: "Upload" }).first().click();
  const left = (name) => page.locator(`[data-testid=left-upload][data-name="${name}"]`);
  await left("cut.csv").getByText("0 B of 8 B").waitFor();
  assert.equal(await left("cut.csv").getByTestId("take-up").count(), 0);
  await picture("left");
  await left("cut.csv").getByRole("button", { name: "Remove" }).click();
  await left("cut.csv").waitFor({ state: "detached" });
  await left("whole.csv").getByTestId("take-up").click();
  await byId(page, "upload-preview").getByText("001").waitFor();
  await left("whole.csv").waitFor({ state: "detached" });
  await byId(page, "complete-upload").click();
  await page.locator("[data-testid=upload-item][data-phase=done]").waitFor();
  await page.keyboard.press("Escape");
  await byId(page, "dataset-row").filter({ hasText: "whole" }).waitFor();

  await byId(page, "dataset-row").filter({ hasText: "whole" }).getByRole("link").click();
  const original = page.waitForEvent("download");
  await byId(page, "take-file").click();
  assert.equal((await readFile(await (await original).path())).toString(), "编号,b\n001,2\n");

  // What code wrote: into a folder and back, taken out as it is, made a dataset of.
  await upload(page, "sales.csv", "city,n\n北京,1\n上海,2\n");
  await byId(page, "dataset-row").filter({ hasText: "sales" }).getByRole("button", { name: "Analyse" }).click();
  await byId(page, "notebook").waitFor();
  await ended(await run(page, "import os\nos.makedirs('out/sub')\ndf.to_csv('out/result.csv', index=False)\nopen('large.bin', 'wb').write(os.urandom(9_000_000)) and None\nos.symlink('/etc/hosts', 'link')"), "OK");
  await byId(page, "show-files").click();
  const file = (name) => page.locator(`[data-testid=file][data-name="${name}"]`);
  await file("large.bin").getByText("MB").waitFor();
  assert.equal(await file("link").getByRole("button").count(), 0);
  assert.equal(await file("large.bin").getByRole("button").count(), 1);
  await picture("files");
  await fits(page);
  const saved = page.waitForEvent("download");
  await file("large.bin").getByRole("button", { name: "Download large.bin" }).click();
  assert.equal((await readFile(await (await saved).path())).length, 9_000_000);
  await file("out").getByRole("button", { name: "out" }).click();
  await file("result.csv").waitFor();
  assert.equal(await file("sub").count(), 1);
  const table = page.waitForEvent("download");
  await file("result.csv").getByRole("button", { name: "Download result.csv" }).click();
  const download = await table;
  assert.equal(download.suggestedFilename(), "result.csv");
  assert.equal((await readFile(await download.path())).toString(), "city,n\n北京,1\n上海,2\n");
  await byId(page, "files").getByRole("button", { name: "Working folder" }).click();
  await file("large.bin").waitFor();
  await file("out").getByRole("button", { name: "out" }).click();
  await file("result.csv").getByRole("button", { name: "Make a dataset of result.csv" }).click();
  await byId(page, "upload-preview").getByText("北京").waitFor();
  await byId(page, "complete-upload").click();
  await page.locator("[data-testid=upload-item][data-phase=done]").waitFor();
  await page.keyboard.press("Escape");
  await page.goto(`${origin}/datasets`);
  await byId(page, "dataset-row").filter({ hasText: "result" }).waitFor();
});
