// Makes notebook.png, the picture of the README, from a run of the page over the cars of vega_datasets:
//   FENXI_TEST_PYTHON=data/python/bin/python target/debug/house node docs/images/notebook.mjs .../vega_datasets/_data/cars.json
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { byId, ended, origin, run, setUp, story } from "../../tests/browser/page.mjs";

const path = fileURLToPath(new URL("notebook.png", import.meta.url));
// A palette: a third of the bytes, for what nobody sees.
const SMALLER = "import sys; from PIL import Image; Image.open(sys.argv[1]).convert('RGB').quantize(256, kmeans=3, dither=Image.Dither.NONE).save(sys.argv[1], optimize=True)";

await story("readme", { viewport: { width: 1280, height: 900 }, deviceScaleFactor: 1.5 }, async ({ page }) => {
  await setUp(page, "Ada");
  await page.goto(`${origin}/datasets`);
  await page.getByRole("button", { name: "Upload" }).first().click();
  await byId(page, "file-input").setInputFiles({ name: "cars.json", mimeType: "application/json", buffer: readFileSync(process.argv[2]) });
  await byId(page, "upload-preview").waitFor();
  await byId(page, "complete-upload").click();
  await page.keyboard.press("Escape");
  await byId(page, "dataset-row").first().getByRole("button", { name: "Analyse" }).click();
  await byId(page, "notebook").waitFor();
  await byId(page, "show-variables").click();
  await ended(await run(page, "df.groupby('Origin')[['Miles_per_Gallon', 'Horsepower', 'Weight_in_lbs']].mean().round(1)"), "OK");
  const chart = await run(page, "import plotly.express as px\npx.scatter(df, x='Horsepower', y='Miles_per_Gallon', color='Origin', size='Weight_in_lbs', size_max=11)");
  await ended(chart, "OK");
  await chart.frameLocator("iframe").locator(".plot-container").waitFor();
  await page.locator("[data-testid=kernel-state][data-state=idle]").waitFor();
  await page.mouse.move(0, 0);
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.screenshot({ path });
});
execFileSync(process.env.FENXI_TEST_PYTHON, ["-c", SMALLER, path]);
