// Signing in with Feishu as a person does it: over there and back, and every no that can be said on the way. The house of
// this story has a fake Feishu (feishu.env), which stands on another host as the real one does.
import assert from "node:assert/strict";
import { byId, fits, origin, setUp, story, titled } from "./page.mjs";

const feishu = process.env.FENXI_FEISHU_URL;
const button = (page) => byId(page, "login-feishu");

/** Over there: gives this answer to whether Fenxi is let in. */
async function answer(page, said) {
  await button(page).click();
  await page.waitForURL(`${feishu}/**`);
  await page.getByRole("link", { name: said }).click();
}

/** Back on the page of the login, which says why it did not succeed, and begins anew when asked to. */
async function refused(page, text) {
  await page.waitForURL(`${origin}/login?error=*`);
  await page.getByRole("alert").getByText(text).waitFor();
  await button(page).waitFor();
}

await story("feishu", { elsewhere: feishu }, async ({ page, context, picture }) => {
  await setUp(page);
  await context.clearCookies();
  await page.goto(`${origin}/stats?days=30`);
  await page.locator("input[name=password]").waitFor();
  await button(page).getByText("Sign in with Feishu").waitFor();
  await picture("login");

  await answer(page, "Refuse");
  await refused(page, "You refused this login.");
  await picture("refused");
  assert.equal((await context.cookies(origin)).length, 0, "a refused login left a cookie");

  await answer(page, "李雷");
  await refused(page, "Your organisation may not sign in here.");
  await picture("tenant");
  await page.setViewportSize({ width: 390, height: 844 });
  await fits(page);
  await page.setViewportSize({ width: 1280, height: 860 });

  // Signed in where one wanted to go before all that, as oneself: with the own name, and no picture of another host.
  await answer(page, "王小明");
  await page.waitForURL(`${origin}/stats?days=30`);
  const me = byId(page, "user-menu");
  await me.getByText("王小明").waitFor();
  assert.equal(await me.locator(".avatar").innerText(), "小明");
  assert.equal(await me.locator("img").count(), 0);
  await titled(page, /Statistics/);
  await picture("signed-in");
  const cookies = await context.cookies(origin);
  assert.deepEqual(cookies.map(({ httpOnly }) => httpOnly), [true], "the attempt's cookie stayed, or a script can read one");

  // The same person is the same user, not another one.
  await page.reload();
  await me.click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.waitForURL(`${origin}/login`);
  // The login itself has ended, not only this browser's knowledge of it.
  await context.addCookies(cookies);
  await page.goto(`${origin}/stats`);
  await button(page).waitFor();
  await picture("signed-out");
  await answer(page, "王小明");
  await me.getByText("王小明").waitFor();
});

await story("feishu-chinese", { elsewhere: feishu, locale: "zh-CN" }, async ({ page, picture }) => {
  await page.goto(origin);
  await button(page).getByText("飞书").waitFor();
  await answer(page, "Refuse");
  await refused(page, "你拒绝了此次登录。");
  await picture("refused");
  await answer(page, "李雷");
  await refused(page, "你所在的组织不能登录此服务。");
});
