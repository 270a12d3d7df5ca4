// Regenerates the TypeScript of the contract into a temporary folder and compares it with src/gen.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

const temporary = mkdtempSync(join(tmpdir(), "fenxi-gen-"));

function files(root, folder = root) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory() ? files(root, join(folder, entry.name)) : [relative(root, join(folder, entry.name))],
    )
    .toSorted();
}

try {
  execFileSync("node_modules/.bin/buf", ["generate", "--output", temporary], { stdio: "inherit" });
  const [fresh, kept] = [join(temporary, "src/gen"), "src/gen"];
  const names = new Set([...files(fresh), ...files(kept)]);
  const read = (root, name) => {
    try {
      return readFileSync(join(root, name), "utf8");
    } catch {
      return null;
    }
  };
  const different = [...names].filter((name) => read(fresh, name) !== read(kept, name));
  if (different.length > 0) {
    console.error(`src/gen is not what the contract gives; run \`npm run generate\`:\n  ${different.join("\n  ")}`);
    process.exitCode = 1;
  } else {
    console.log(`src/gen matches the contract: ${names.size} files`);
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
