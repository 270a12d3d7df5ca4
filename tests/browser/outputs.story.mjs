// Outputs of every size: none takes the notebook with it, and a person sees what is new.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { byId, ended, origin, run, setUp, story, upload } from "./page.mjs";

/** Puts text in the place of what is written in the editor that is open. */
const paste = (page, text) =>
  page.evaluate((pasted) => {
    const data = new DataTransfer();
    data.setData("text/plain", pasted);
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, text);

/** Saves the notebook by an entry of its menu; gives where the file is. */
async function saved(page, entry) {
  const download = page.waitForEvent("download");
  await page.locator(".toolbar").getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: entry }).click();
  return (await download).path();
}

/** Files that a notebook is saved as are good to those who read them. */
async function exported(page) {
  const path = await saved(page, "Download as notebook");
  const python = process.env.FENXI_TEST_PYTHON;
  execFileSync(python, ["-c", "import nbformat, sys; nbformat.validate(nbformat.read(sys.argv[1], as_version=4))", path]);
  const { cells } = JSON.parse(readFileSync(path, "utf8"));
  const outputs = cells.flatMap((cell) => cell.outputs);
  // What the page has never fetched is in it too.
  assert.equal(outputs.find((each) => each.data?.["application/json"])?.data["application/json"].numbers.length, 500_000);
  assert.ok(outputs.some((each) => each.data?.["image/png"]?.startsWith("iVBOR")), "the picture is not in the file");
  assert.ok(outputs.some((each) => each.text?.at(-1) === "after\n"), "what was printed is not in the file");
  assert.ok(outputs.some((each) => each.data?.["text/latex"]?.[0].startsWith("$")), "a formula is not in the file");
  assert.ok(cells.every((cell) => cell.source.length > 0 && cell.execution_count > 0), "a cell has lost its code or its number");
  const script = await saved(page, "Download as Python script");
  execFileSync(python, ["-c", "import sys; compile(open(sys.argv[1]).read(), 'script', 'exec')", script]);
  assert.equal(readFileSync(script, "utf8").split("# %%\n").length - 1, cells.length);
}

/** Formulas are drawn with fonts of the page's own, which nobody fetches who has no formula. */
async function formulas(page) {
  const fetched = [];
  page.on("request", (request) => /katex/i.test(request.url()) && fetched.push(request.url()));
  const none = await run(page, "from IPython.display import Latex, Markdown\nMarkdown('*no* formula: from $5 to $6')");
  await none.getByTestId("output-markdown").getByText("formula: from $5 to $6").waitFor();
  assert.deepEqual(fetched, []);
  const text = String.raw`So $e^{i\pi}$ is\n\n$$\n\begin{aligned}\na_1 &= \sum_{n=1}^{\infty} b_n * c_n \\\n- d &= \text{能量}\n\end{aligned}\n$$`;
  const markdown = await run(page, `Markdown(r'''${text.replaceAll(String.raw`\n`, "\n")}''')`);
  await markdown.locator(".katex").nth(1).waitFor();
  const both = await run(page, String.raw`class Both:
    def _repr_latex_(self): return r'$\displaystyle \frac{\sqrt{x}}{2}$'
    def _repr_svg_(self): return '<svg xmlns="http://www.w3.org/2000/svg"></svg>'
Both()`);
  await both.getByTestId("output-latex").locator(".katex").waitFor();
  const unknown = String.raw`\begin{tabular}{l} a \end{tabular} and $\nosuch$`;
  const latex = await run(page, `Latex(r'${unknown}')`);
  await latex.getByTestId("output-latex").getByText(unknown).waitFor();
  const table = await run(page, String.raw`Latex(r'\begin{tabular}{l} b \end{tabular}')`);
  await table.getByTestId("output-text").getByText("tabular").waitFor();
  await page.waitForFunction(() => [...document.fonts].some((font) => font.family.includes("KaTeX_Main") && font.status === "loaded"));
  assert.ok(fetched.some((url) => url.endsWith(".woff2")), "the fonts were not fetched");
}

/** Charts are drawn as what they are, by no more of the library than they need; what is unknown is said to be so. */
async function charts(page) {
  const fetched = [];
  page.on("request", (request) => /plotly/.test(request.url()) && fetched.push(new URL(request.url()).pathname));
  const shown = async (code) => {
    const frame = (await run(page, code)).getByTestId("output-plotly");
    await frame.and(page.locator("[data-shown=true]")).waitFor();
    return frame.frameLocator("iframe");
  };
  await (await shown("import plotly.express as px, plotly.graph_objects as go\npx.line(x=[1, 2], y=[3, 4])")).locator(".scatterlayer path.js-line").waitFor();
  assert.deepEqual(fetched, ["/sandbox/plotly-basic.min.js"]);
  assert.equal(await (await shown("px.histogram(x=[1, 2, 2, 3])")).locator(".barlayer .point").count(), 3);
  await (await shown("px.box(y=[1, 2, 3, 9])")).locator("path.box").waitFor();
  await (await shown("go.Figure(go.Table(header={'values': ['城市']}, cells={'values': [['北京']]}))")).getByText("北京").waitFor();
  const bundle = "import json\nfrom IPython.display import display\nbundle = lambda figure: {'application/vnd.plotly.v1+json': json.loads(figure.to_json())}\n";
  const changed = await shown(`${bundle}h = display(bundle(px.line(x=[1, 2], y=[3, 4])), raw=True, display_id=True)`);
  await changed.locator(".scatterlayer path.js-line").waitFor();
  await ended(await run(page, "h.update(bundle(px.histogram(x=[1, 2, 2, 3])), raw=True)"), "OK");
  await changed.locator(".barlayer .point").nth(2).waitFor();
  const unknown = "from IPython.display import display\ndisplay({'application/vnd.plotly.v1+json': {'data': [{'type': 'spiral', 'y': [1, 2]}], 'layout': {}}}, raw=True)";
  await (await run(page, unknown)).getByText("charts of type spiral cannot be drawn here").waitFor();
}

async function analysis(page) {
  await page.goto(origin);
  await byId(page, "new-analysis").click();
  await byId(page, "new-analysis-dialog").getByRole("button", { name: /^Start/ }).click();
  await byId(page, "notebook").waitFor();
}

await story("outputs", {}, async ({ page, context, picture }) => {
  await setUp(page);
  await analysis(page);

  await formulas(page);
  await picture("formulas");
  await charts(page);
  await picture("charts");
  const documentation = (await run(page, "len?")).getByTestId("output-text");
  await documentation.getByText("Signature: len(obj, /)").waitFor();
  assert.doesNotMatch(await documentation.innerText(), /\x1b/);
  // A file beside the notebook has no address here, and is no link.
  const links = (await run(page, "from IPython.display import HTML\nHTML('<a href=\"a.csv\">file</a> <a href=\"https://fenxi.example/\">web</a>')")).getByTestId("output-html");
  await links.getByText("file").waitFor();
  assert.deepEqual(await links.locator("a[href]").allInnerTexts(), ["web"]);

  const far = await run(page, "print('\\x1b[2000Gab\\by'); print('after')");
  await ended(far, "OK");
  await far.getByTestId("output-stdout").getByText("after").waitFor();

  // Output is followed while it comes, until a person scrolls up in it.
  const log = await run(page, "import time\nfor i in range(100): print('line', i, flush=True)\nwhile True: time.sleep(0.1); i += 1; print('line', i, flush=True)");
  const box = log.locator(".cell-out-short");
  const left = () => box.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
  await log.getByText("line 105").waitFor();
  assert.ok(await left() < 40, "the end of the output is out of sight");
  await picture("followed");
  await box.hover();
  await page.mouse.wheel(0, -600);
  // A wheel may scroll in many steps: it is over when a frame is like the one before.
  await page.waitForFunction((element) => {
    const former = element.formerTop;
    element.formerTop = element.scrollTop;
    return element.scrollHeight - element.scrollTop - element.clientHeight > 200 && former === element.scrollTop;
  }, await box.elementHandle());
  const top = await box.evaluate((element) => element.scrollTop);
  const shown = (await log.getByTestId("output-stdout").innerText()).match(/line \d+/g).length;
  await log.getByText(`line ${shown + 5}`).waitFor();
  assert.equal(await box.evaluate((element) => element.scrollTop), top, "what a person reads was scrolled away");
  await byId(page, "stop").click();
  await ended(log, "INTERRUPTED");

  const many = await run(page, "from IPython.display import display\nfor i in range(3000): display(f'shown {i}')");
  await ended(many, "OK");
  await many.getByText("shown 2999").waitFor();
  assert.equal(await many.getByTestId("output-text").count(), 100);
  await many.getByRole("button", { name: "Show all of it" }).waitFor();
  await picture("many");

  const large = await run(page, "display({'application/json': {'numbers': list(range(500_000))}}, raw=True)");
  await ended(large, "OK");
  const save = page.waitForEvent("download");
  await large.getByRole("button", { name: "Download" }).click();
  assert.equal((await save).suggestedFilename(), "fenxi.json");
  assert.equal(await large.getByTestId("output-json").count(), 0, "megabytes were drawn unasked");

  // As large as it was asked to be, not as it is.
  const sized = await run(page, "from IPython.display import Image\nImage(data=bytes.fromhex('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082'), width=200)");
  await ended(sized, "OK");
  await sized.locator("img").waitFor();
  assert.equal(await sized.locator("img").evaluate((element) => element.clientWidth), 200);

  await exported(page);

  const changing = await run(page, "held = display(Image(data=bytes.fromhex('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082')), display_id=True)\ninput('go on?')\nheld.update('now in words')");
  const question = changing.getByTestId("input-request").getByRole("textbox");
  await question.waitFor();

  // What cannot be drawn says so, and all else stays. Here pictures cannot.
  const broken = await context.newPage();
  await broken.addInitScript(() => {
    const create = URL.createObjectURL;
    URL.createObjectURL = (blob) => {
      if (!globalThis.mended) throw new Error("not today");
      return create(blob);
    };
  });
  await broken.goto(page.url());
  const notice = byId(broken, "output-broken").and(broken.getByRole("status"));
  await notice.first().waitFor();
  await broken.getByText("line 0").first().waitFor();
  // What it becomes is drawn.
  const changed = byId(broken, "cell").filter({ hasText: "held = display" });
  await changed.getByTestId("output-broken").waitFor();
  await question.fill("yes");
  await question.press("Enter");
  await ended(changing, "OK");
  await changed.getByTestId("output-text").getByText("now in words").waitFor();
  const count = await notice.count();
  const again = notice.first().getByRole("button", { name: "Try again" });
  await again.click();
  assert.equal(await notice.count(), count, "what is broken still was said to be well");
  await broken.evaluate(() => (globalThis.mended = true));
  await again.click();
  await broken.waitForFunction(([which, count]) => document.querySelectorAll(which).length === count - 1, ['[data-testid="output-broken"]', count]);
  assert.ok(await broken.evaluate(() => document.activeElement.matches("[tabindex]")), "the focus is lost");
  await broken.close();

  // What was written over comes back after the editor was left.
  const kept = await run(page, "kept = 1");
  await ended(kept, "OK");
  await kept.locator(".cell-code").click();
  await kept.locator(".cm-content").waitFor();
  await page.keyboard.press("Control+a");
  await paste(page, "other = 2");
  await page.keyboard.press("Control+Enter");
  await page.keyboard.press("Escape");
  await kept.locator(".cm-content").waitFor({ state: "detached" });
  await page.keyboard.press("Enter");
  await kept.locator(".cm-content").waitFor();
  await page.keyboard.press("Control+z");
  await kept.locator(".cm-content").getByText("kept = 1").waitFor();

  // What is kept as it is written has not to be saved, least of all as the browser would.
  await page.evaluate(() => addEventListener("keydown", (event) => (globalThis.prevented = event.defaultPrevented)));
  await page.keyboard.press("Control+s");
  await byId(page, "toast").getByText("Nothing is left to save").waitFor();
  assert.equal(await page.evaluate(() => globalThis.prevented), true, "the browser would save the page");

  // Another cell like this one.
  const cells = byId(page, "cell");
  const before = await cells.count();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Shift+Alt+ArrowDown");
  await cells.nth(before).waitFor();
  await page.locator(".cell-on").getByText("kept = 1").waitFor();
  const focused = () => page.waitForFunction(() => document.activeElement?.matches("[data-testid=cell].cell-on"));
  await focused();

  // The key behind Escape is the notebook's however soon it comes: here before anything is drawn.
  await page.keyboard.press("Enter");
  await page.locator(".cell-edit .cm-focused").waitFor();
  await page.evaluate(async () => {
    const drawn = globalThis.requestAnimationFrame;
    globalThis.requestAnimationFrame = () => 0;
    for (const key of ["Escape", "b"]) {
      document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      await new Promise((resolve) => setTimeout(resolve));
    }
    globalThis.requestAnimationFrame = drawn;
  });
  await cells.nth(before + 1).waitFor();
  await focused();

  // What was chosen in a menu has the focus, and not the button that opened it.
  const choose = async (name) => {
    await kept.hover();
    await kept.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name }).click();
  };
  await choose("Duplicate");
  await cells.nth(before + 2).waitFor();
  await focused();
  await choose("Delete");
  await cells.nth(before + 2).waitFor({ state: "detached" });
  await focused();
});
