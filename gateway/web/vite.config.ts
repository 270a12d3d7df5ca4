// How the app is built and, for work on it, served: calls and uploads go to a running gateway (FENXI_GATEWAY).
import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const gateway = process.env.FENXI_GATEWAY ?? "http://127.0.0.1:8080";
const PLOTLY = {
  "sandbox/plotly.min.js": "node_modules/plotly.js-dist-min/plotly.min.js",
  "sandbox/plotly-basic.min.js": "node_modules/plotly.js-basic-dist-min/plotly-basic.min.js",
};

/** Puts the chart library beside the sandbox page, whole and for the most common charts: only that page loads one of
 * them, and only when a chart is shown. */
function sandboxLibraries(): Plugin {
  return {
    name: "sandbox-libraries",
    generateBundle() {
      for (const [fileName, path] of Object.entries(PLOTLY)) this.emitFile({ type: "asset", fileName, source: readFileSync(path) });
    },
    configureServer(server) {
      for (const [fileName, path] of Object.entries(PLOTLY)) {
        server.middlewares.use(`/${fileName}`, (_request, response) => {
          response.setHeader("content-type", "text/javascript");
          response.end(readFileSync(path));
        });
      }
    },
  };
}

/** Of the fonts for formulas one format is enough: every browser that the page runs in reads woff2. */
function oneFontFormat(): Plugin {
  return {
    name: "one-font-format",
    enforce: "pre",
    transform(code, id) {
      if (!/\/katex(\.min)?\.css$/.test(id)) return;
      return code.replace(/,\s*url\([^)]*\.(?:woff|ttf)\) format\("(?:woff|truetype)"\)/g, "");
    },
  };
}

export default defineConfig({
  plugins: [react(), sandboxLibraries(), oneFontFormat()],
  build: { target: "es2023", modulePreload: { polyfill: false }, assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  server: {
    host: "127.0.0.1",
    proxy: Object.fromEntries(["/fenxi.", "/uploads", "/auth/"].map((path) => [path, { target: gateway }])),
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
