// Settings and people: what is shown and typed stays, whatever fails, and nothing is lost or done by one press too many.
import assert from "node:assert/strict";
import { byId, origin, setUp, story } from "./page.mjs";

await story("settings", {}, async ({ page, context, picture }) => {
  // A browser may keep nothing for a page at all: the one-time link leads to its form nevertheless.
  const refusing = await context.newPage();
  await refusing.addInitScript(() => {
    Object.defineProperty(window, "sessionStorage", {
      get() {
        throw new DOMException("denied", "SecurityError");
      },
    });
  });
  await refusing.goto(`${origin}/setup#token=any`);
  await refusing.locator("input[name=again]").waitFor();
  assert.ok(!refusing.url().includes("token"));
  await refusing.close();

  await setUp(page);
  const button = (name) => page.getByRole("button", { name, exact: true });
  const calls = (method) => `**/fenxi.auth.v1.${method}`;

  // A list that cannot be had anew stays, with a word about it, until it can.
  await page.goto(`${origin}/admin/users`);
  await byId(page, "user-row").filter({ hasText: "Ada" }).waitFor();
  await page.route(calls("UserService/ListUsers"), (route) => route.abort());
  await button("Add user").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("User name").fill("grace");
  await dialog.getByLabel("Display name").fill("Grace");
  await dialog.getByLabel("Password").fill("correct horse battery");
  await dialog.getByRole("button", { name: "Add user" }).click();
  await byId(page, "stale").waitFor();
  await byId(page, "user-row").filter({ hasText: "Ada" }).waitFor();
  await picture("stale");
  await page.unroute(calls("UserService/ListUsers"));
  await byId(page, "stale").getByRole("button", { name: "Try again" }).click();
  await byId(page, "user-row").filter({ hasText: "Grace" }).waitFor();
  await byId(page, "stale").waitFor({ state: "detached" });
  assert.equal(await byId(page, "user-row").count(), 2);

  // What was wrong with a form is gone when it is opened again.
  await button("Add user").click();
  await dialog.getByLabel("User name").fill("grace");
  await dialog.getByLabel("Password").fill("correct horse battery");
  await page.keyboard.press("Enter");
  await dialog.getByText("This user name is taken.").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await button("Add user").click();
  await dialog.getByLabel("User name").waitFor();
  assert.equal(await dialog.getByRole("alert").count(), 0);
  await page.keyboard.press("Escape");

  // A secret is shown once: until "Done" nothing takes it away, also not while it is being made.
  await page.goto(`${origin}/settings/tokens`);
  const secret = byId(page, "api-token-secret");
  await button("Create token").click();
  await page.route(calls("ApiTokenService/CreateApiToken"), async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await route.continue();
  });
  await dialog.getByLabel("Name").fill("first");
  await page.keyboard.press("Enter");
  await dialog.locator(".spinner").waitFor();
  await page.keyboard.press("Escape");
  await secret.waitFor();
  await page.mouse.click(5, 400);
  await page.keyboard.press("Escape");
  await picture("secret");
  assert.match(await secret.innerText(), /\S{20}/);
  await dialog.getByRole("button", { name: "Done" }).click();
  await dialog.waitFor({ state: "detached" });
  await button("Create token").click();
  await dialog.getByLabel("Name").waitFor();
  await page.unroute(calls("ApiTokenService/CreateApiToken"));
  await page.keyboard.press("Escape");

  // An answer that is lost on its way: the next press is the same request, and nothing is made twice.
  const lost = async (route) => {
    await route.fetch();
    await route.abort();
  };
  await page.route(calls("ApiTokenService/CreateApiToken"), lost, { times: 1 });
  await button("Create token").click();
  await dialog.getByLabel("Name").fill("second");
  await page.keyboard.press("Enter");
  await dialog.getByText("The service does not answer").waitFor();
  await page.keyboard.press("Enter");
  await dialog.getByText("its secret did not arrive").waitFor();
  await page.keyboard.press("Escape");
  await byId(page, "api-token").filter({ hasText: "second" }).first().waitFor();
  assert.equal(await byId(page, "api-token").filter({ hasText: "second" }).count(), 1);
  await page.route(calls("ApiTokenService/RevokeApiToken"), lost, { times: 1 });
  await byId(page, "api-token").filter({ hasText: "second" }).getByRole("button", { name: "Revoke" }).click();
  const asked = page.getByRole("alertdialog");
  await asked.getByRole("button", { name: "Revoke" }).click();
  await byId(page, "toast").getByText("The service does not answer").waitFor();
  await asked.getByRole("button", { name: "Revoke" }).click();
  await byId(page, "toast").getByText("Token revoked").waitFor();
  await byId(page, "api-token").filter({ hasText: "second" }).waitFor({ state: "detached" });

  // Arrow keys go along the tabs, and what was typed on one is there when it is shown again.
  const tab = (name) => page.getByRole("tab", { name });
  await tab("General").click();
  await page.getByLabel("Current password").fill("half typed");
  await tab("General").focus();
  await page.keyboard.press("ArrowRight");
  await byId(page, "device").waitFor();
  await page.keyboard.press("ArrowRight");
  await byId(page, "api-token").first().waitFor();
  await tab("API tokens").and(page.locator(":focus")).waitFor();
  await page.keyboard.press("Home");
  await page.getByLabel("Current password").waitFor();
  assert.equal(await page.getByLabel("Current password").inputValue(), "half typed");
  await tab("Devices").click();
  await page.getByLabel("Current password").waitFor({ state: "hidden" });

  // Administrators are told how kernels come to be here; and where that is not as it was meant, why.
  await tab("Kernels").click();
  await byId(page, "kernel-start").getByText("Forked (deep)").waitFor();
  await byId(page, "isolation-level").filter({ hasText: "strict" }).waitFor();
  await byId(page, "isolation-level").filter({ hasText: "standard" }).getByText("In force").waitFor();
  assert.equal(await byId(page, "kernel-start-degraded").count(), 0);
  await picture("kernels");
  const support = "**/fenxi.analysis.v1.KernelService/GetKernelSupport";
  // PLAIN, FORKED wanted, FORKED given up; STRICT lacks a layer.
  const failure = Buffer.from([0x08, 1, 0x12, 3, ...Buffer.from("why")]);
  const lacking = Buffer.from([0x08, 3, 0x12, 7, ...Buffer.from("no wall")]);
  const body = Buffer.concat([Buffer.from([0x08, 3, 0x10, 1, 0x1a, failure.length]), failure, Buffer.from([0x2a, lacking.length]), lacking]);
  const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]);
  const trailer = Buffer.from("grpc-status: 0\r\n");
  const answer = Buffer.concat([framed, Buffer.from([0x80, 0, 0, 0, trailer.length]), trailer]);
  await page.route(support, (route) => route.fulfill({ status: 200, headers: { "content-type": "application/grpc-web+proto" }, body: answer }));
  await page.reload();
  await byId(page, "kernel-start").getByText("Program of its own").waitFor();
  await byId(page, "kernel-start-degraded").getByText("Wanted was “Forked (deep)”").waitFor();
  await byId(page, "kernel-reasons").getByText("Why “Forked (deep)” was given up").click();
  await byId(page, "kernel-reasons").getByText("why", { exact: true }).waitFor();
  await byId(page, "isolation-level").getByText("Missing: no wall").waitFor();
  await picture("kernels-degraded");
  await page.unroute(support);

  // A browser that has no room left still changes what it looks like, and its language.
  await tab("General").click();
  await page.evaluate(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  await page.getByText("Dark", { exact: true }).click();
  await page.locator("html[data-theme=dark]").waitFor();
  await page.locator(".segment-on").getByText("Dark").waitFor();
  await page.getByLabel("Language").selectOption("zh-CN");
  await page.getByRole("tab", { name: "通用" }).waitFor();
  await picture("full");
  await page.reload();
  await tab("General").waitFor();

  // Roles change only when asked for twice; who gives up the own one is led away, and told why when coming back.
  await page.goto(`${origin}/admin/users`);
  const row = (name) => byId(page, "user-row").filter({ hasText: name });
  const choose = async (name, entry) => {
    await row(name).getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: entry }).click();
  };
  await choose("Grace", "Make administrator");
  await asked.getByText("Make Grace an administrator?").waitFor();
  await asked.getByRole("button", { name: "Cancel" }).click();
  await asked.waitFor({ state: "detached" });
  assert.equal(await row("Grace").getByText("Administrator").count(), 0);
  await choose("Grace", "Make administrator");
  await asked.getByRole("button", { name: "Make administrator" }).click();
  await row("Grace").getByText("Administrator").waitFor();
  await choose("Ada", "Make member");
  await asked.getByText("only another administrator can").waitFor();
  await picture("give-up");
  await asked.getByRole("button", { name: "Make member" }).click();
  await byId(page, "new-analysis").waitFor();
  await page.getByRole("navigation").getByRole("link", { name: "Users" }).waitFor({ state: "detached" });
  await page.goto(`${origin}/admin/users`);
  await byId(page, "empty").getByText("For administrators").waitFor();
  assert.deepEqual([await button("Add user").count(), await page.getByRole("searchbox").count()], [0, 0]);
  await picture("member");
  await page.goto(`${origin}/settings/kernels`);
  await tab("General").waitFor();
  assert.equal(await tab("Kernels").count(), 0);

  // Who signs out after the login has run out is where they wanted to be.
  await context.clearCookies();
  await byId(page, "user-menu").click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.locator("input[name=password]").waitFor();
});
