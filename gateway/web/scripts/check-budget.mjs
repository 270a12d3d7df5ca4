// Holds the first load to its budget: the entry script and what it imports at once, gzip, from the built index.html.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const ENTRY_BUDGET_KIB = 200;

const html = readFileSync("dist/index.html", "utf8");
const entry = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+\.js)"/g)].map((match) => match[1]);
if (entry.length === 0) throw new Error("dist/index.html names no script");
if (/<script(?![^>]*\bsrc=)[^>]*>/.test(html)) throw new Error("dist/index.html holds an inline script, which the CSP blocks");

const size = (path) => gzipSync(readFileSync(path), { level: 9 }).length / 1024;
const total = entry.reduce((sum, name) => sum + size(join("dist", name)), 0);
for (const name of readdirSync("dist/assets").filter((file) => file.endsWith(".js"))) {
  console.log(`${size(join("dist/assets", name)).toFixed(1).padStart(8)} KiB gzip  ${name}`);
}
console.log(`entry: ${total.toFixed(1)} KiB gzip of ${ENTRY_BUDGET_KIB}`);
if (total > ENTRY_BUDGET_KIB) {
  console.error("the entry is over its budget");
  process.exitCode = 1;
}
