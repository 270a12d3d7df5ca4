// A browser with one page, as a person has it: nothing may come from elsewhere, nothing may be refused by the page's own
// policy, and whatever the page reports as an error fails the story.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const { chromium } = createRequire(join(root, "gateway/web/package.json"))("playwright-core");
const pictures = join(root, "target/browser");
const PATIENCE_MS = 60_000;

export const origin = process.env.FENXI_URL;
export const setupToken = process.env.FENXI_SETUP_TOKEN;
export const administrator = { username: "ada", password: "correct horse battery" };

/**
 * Runs a story with a page; a failed one leaves a picture of where it stood. `elsewhere` is another site that the page
 * sends the browser to.
 */
export async function story(name, { elsewhere, ...options }, tell) {
  mkdirSync(pictures, { recursive: true });
  const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  const browser = await chromium.launch({ executablePath: process.env.FENXI_TEST_CHROMIUM ?? "/usr/bin/chromium", args: flags });
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: "en-US", ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    // A refused login and a cancelled stream are answers, not faults of the page.
    if (message.type() === "error" && !/Failed to load resource|net::ERR_/.test(message.text())) complaints.push(message.text());
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && ![origin, elsewhere].includes(url.origin)) complaints.push(`a request to ${url.origin}`);
  });
  const picture = (title) => page.screenshot({ path: join(pictures, `${name}-${title}.png`) });
  try {
    await tell({ page, context, picture });
    assert.deepEqual(complaints, [], "what the page complained about");
    console.log(`${name}: passed`);
  } catch (error) {
    await picture("failed").catch(() => {});
    console.error(`${name}: ${error.stack}\n${complaints.join("\n")}`);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

export const byId = (page, id) => page.getByTestId(id);

/** Makes the first administrator by the one-time link. */
export async function setUp(page, displayName = "Ada 王") {
  await page.goto(`${origin}/setup#token=${setupToken}`);
  await page.locator("input[name=username]").fill(administrator.username);
  await page.locator("input[name=displayName]").fill(displayName);
  await page.locator("input[name=password]").fill(administrator.password);
  await page.locator("input[name=again]").fill(administrator.password);
  await page.locator("button[type=submit]").click();
  await byId(page, "user-menu").waitFor();
  assert.ok(!page.url().includes("token"), "the token stayed in the address bar");
}

/** Uploads a file on the page of datasets. */
export async function upload(page, name, text) {
  await page.goto(`${origin}/datasets`);
  await page.getByRole("button", { name: "Upload" }).first().click();
  await byId(page, "file-input").setInputFiles({ name, mimeType: "text/csv", buffer: Buffer.from(text) });
  await page.locator("[data-testid=upload-item][data-phase=received]").waitFor();
  await byId(page, "upload-preview").waitFor();
  await byId(page, "complete-upload").click();
  await page.keyboard.press("Escape");
  await byId(page, "dataset-row").filter({ hasText: name.replace(/\.\w+$/, "") }).waitFor();
}

/** Writes code into the last cell and runs it; gives the cell. */
export async function run(page, code) {
  const cell = byId(page, "cell").last();
  await cell.locator(".cell-code").click();
  await cell.locator(".cm-content").waitFor();
  // Pasted, not typed: the editor closes brackets and indents by itself.
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, code);
  const handle = await cell.getAttribute("data-cell");
  await page.keyboard.press("Shift+Enter");
  return page.locator(`[data-cell="${handle}"]`);
}

/** Waits until the tab says so, which it does a moment after the page. */
export async function titled(page, title) {
  await page.waitForFunction(({ source, flags }) => new RegExp(source, flags).test(document.title), { source: title.source, flags: title.flags });
}

/** Nothing stands beyond the right edge of the page, also where the page does not scroll there. */
export async function fits(page) {
  const beyond = await page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll(".toolbar *, .notice *")]
      .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5 || element === document.documentElement && element.scrollWidth > innerWidth)
      .map((element) => element.outerHTML.slice(0, 120)));
  assert.deepEqual(beyond, [], "the page is wider than the screen");
}

/** Waits until a cell has ended so. */
export async function ended(cell, outcome) {
  await cell.locator(`[data-testid=cell-status][data-outcome=${outcome}]`).waitFor();
}
