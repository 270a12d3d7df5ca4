// The head of a notebook: its tables stay within reach where there is no room for them, and what somebody asked of its
// kernel is no death.
import assert from "node:assert/strict";
import { byId, ended, fits, origin, run, setUp, story, upload } from "./page.mjs";

await story("head", {}, async ({ page, picture }) => {
  await setUp(page);
  const names = ["sales of the year", "customers by region", "returns"];
  for (const name of names) await upload(page, `${name}.csv`, "a,b\n1,2\n");
  await page.goto(origin);
  await byId(page, "new-analysis").click();
  const dialog = byId(page, "new-analysis-dialog");
  for (const name of names) await dialog.getByText(name, { exact: true }).first().click();
  await dialog.getByRole("button", { name: /^Start/ }).click();
  await byId(page, "notebook").waitFor();
  await page.locator("[data-testid=kernel-state][data-state=idle]").waitFor();

  // As many as there is room for, each of them whole; the others behind a button.
  const chips = page.locator(".table-chip");
  const more = byId(page, "more-tables");
  for (const width of [1920, 1440, 1280, 1024, 800, 390]) {
    await page.setViewportSize({ width, height: 800 });
    const shown = () => chips.evaluateAll((all) => all.filter((chip) => getComputedStyle(chip).visibility === "visible").length);
    await page.waitForFunction(() => {
      const row = document.querySelector(".toolbar-tables").getBoundingClientRect();
      const shown = [...document.querySelectorAll(".toolbar-tables > *")].filter((each) => getComputedStyle(each).visibility === "visible");
      return shown.every((each) => each.getBoundingClientRect().right <= row.right + 0.5);
    });
    await fits(page);
    const hidden = names.length - (await shown());
    assert.equal(await more.count(), hidden > 0 ? 1 : 0, `at ${width}, ${hidden} are hidden`);
    if (hidden > 0) assert.equal(await more.innerText(), hidden === names.length ? "3 tables" : `+${hidden}`);
    await picture(`tables-${width}`);
  }
  await page.setViewportSize({ width: 1024, height: 800 });
  await page.getByRole("button", { name: "All 3 tables" }).click();
  const links = byId(page, "popover").getByRole("link");
  assert.equal(await links.count(), names.length);
  await picture("tables-open");
  await links.nth(2).click();
  await page.waitForURL(/\/d\//);
  await page.goBack();
  await page.setViewportSize({ width: 1280, height: 800 });

  // A restart that somebody asks for is no death.
  const stopped = await run(page, "import time\ntime.sleep(600)");
  await page.locator("[data-testid=cell][data-status=running]").waitFor();
  await page.locator(".toolbar").getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Restart kernel" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Restart kernel" }).click();
  await ended(stopped, "KILLED");
  await stopped.getByText("Kernel restarted", { exact: true }).waitFor();
  assert.equal(await stopped.locator(".badge-bad").count(), 0, "a restart is shown as a death");
  await picture("restarted");

  const died = await run(page, "import os\nos._exit(3)");
  await ended(died, "KILLED");
  await died.locator(".badge-bad").getByText("Kernel died").waitFor();
  await byId(page, "kernel-dead").waitFor();
  await picture("died");
  await page.emulateMedia({ colorScheme: "dark" });
  await picture("died-dark");
});
