// A notebook that is open while an administrator disables its user: nothing says that what ran goes on, and who tries to
// sign in again reads why not.
import assert from "node:assert/strict";
import { byId, origin, run, setUp, story } from "./page.mjs";

const password = "correct horse battery";

await story("disabled", {}, async ({ page, context, picture }) => {
  await setUp(page);
  await page.goto(`${origin}/admin/users`);
  await page.getByRole("button", { name: "Add user" }).click();
  const form = page.getByRole("dialog");
  await form.getByLabel("User name").fill("grace");
  await form.getByLabel("Display name").fill("Grace");
  await form.getByLabel("Password").fill(password);
  await form.getByRole("button", { name: "Add user" }).click();
  const row = byId(page, "user-row").filter({ hasText: "Grace" });
  await row.waitFor();

  const elsewhere = await context.browser().newContext({ viewport: { width: 1280, height: 800 }, locale: "en-US" });
  const hers = await elsewhere.newPage();
  await hers.goto(`${origin}/login`);
  await hers.locator("input[name=username]").fill("grace");
  await hers.locator("input[name=password]").fill(password);
  await hers.locator("button[type=submit]").click();
  await byId(hers, "new-analysis").click();
  await byId(hers, "new-analysis-dialog").getByRole("button", { name: /^Start/ }).click();
  await byId(hers, "notebook").waitFor();
  const cell = await run(hers, "import time\ntime.sleep(600)");
  await hers.locator("[data-testid=cell][data-status=running]").waitFor();

  await row.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Disable" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Disable" }).click();

  const banner = byId(hers, "expired-login");
  await banner.getByText("your login has expired or was ended").waitFor();
  await cell.getByText("You are signed out.").first().waitFor();
  assert.equal(await cell.getByText("It runs on").count(), 0, "what was ended is said to run on");
  await banner.getByRole("button", { name: "Sign in again" }).click();
  await hers.locator("input[name=password]").fill(password);
  await hers.getByRole("dialog").locator("button[type=submit]").click();
  const told = "This account is disabled. Ask your administrator.";
  await byId(hers, "login-error").getByText(told).waitFor();
  await hers.keyboard.press("Escape");
  await banner.getByText(told).waitFor();
  await hers.locator(".cell").first().waitFor();
  await hers.screenshot({ path: "target/browser/disabled-told.png" });
  await picture("users");
  await elsewhere.close();
});
