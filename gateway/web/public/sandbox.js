// @ts-check
// The sandbox page's runtime. It runs in a frame of an opaque origin, without network, and draws what the page hands
// it over one MessagePort. Nothing it is told is trusted, and nothing it says is trusted by the page.
(() => {
  "use strict";
  const out = /** @type {HTMLElement} */ (document.getElementById("out"));
  /** What the smaller library draws. */
  const BASIC_TYPES = new Set(["scatter", "bar", "pie"]);
  /** @type {MessagePort | null} */
  let port = null;
  /** Chart libraries by name. @type {Map<string, Promise<void>>} */
  const libraries = new Map();

  const say = (/** @type {object} */ message) => port && port.postMessage(message);
  const measure = () => say({ type: "height", px: document.documentElement.offsetHeight });
  new ResizeObserver(measure).observe(document.documentElement);

  window.addEventListener("message", (event) => {
    if (port || event.source !== window.parent || !event.data || event.data.type !== "fenxi-sandbox") return;
    port = event.ports[0] || null;
    if (port) port.onmessage = ({ data }) => void show(data);
  });

  /** @param {{ kind: string, content: string, theme: string }} message */
  async function show(message) {
    document.documentElement.dataset.kind = message.kind;
    document.documentElement.dataset.theme = message.theme === "dark" ? "dark" : "light";
    try {
      if (message.kind === "plotly") await plotly(JSON.parse(message.content), message.theme === "dark");
      else html(message.content);
      say({ type: "shown" });
    } catch (error) {
      say({ type: "failed", message: String((error && /** @type {Error} */ (error).message) || error) });
    }
    measure();
  }

  /** Shows HTML with its scripts: those that come with `innerHTML` do not run by themselves. @param {string} content */
  function html(content) {
    out.innerHTML = content;
    for (const dead of out.querySelectorAll("script")) {
      const script = document.createElement("script");
      for (const { name, value } of dead.attributes) script.setAttribute(name, value);
      script.textContent = dead.textContent;
      dead.replaceWith(script);
    }
  }

  /** Loads a library that draws these types. A figure that is changed may need the whole one after the other. @param {string[]} types */
  function loadPlotly(types) {
    // A quarter of the whole library draws most charts.
    const name = types.every((type) => BASIC_TYPES.has(type)) && !libraries.has("plotly") ? "plotly-basic" : "plotly";
    const loading = libraries.get(name) || new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `/sandbox/${name}.min.js`;
      script.onload = () => resolve(undefined);
      script.onerror = () => reject(new Error("the chart library could not be loaded"));
      document.head.append(script);
    });
    libraries.set(name, loading);
    return loading;
  }

  /** @param {any} figure @param {boolean} dark */
  async function plotly(figure, dark) {
    const frames = Array.isArray(figure.frames) ? figure.frames : [];
    const typeOf = (/** @type {any} */ trace) => (trace && trace.type) || "scatter";
    const before = /** @type {any} */ (window).Plotly;
    await loadPlotly([figure, ...frames].flatMap(({ data }) => data || []).map(typeOf));
    const library = /** @type {any} */ (window).Plotly;
    if (before && before !== library) before.purge(out);
    const layout = { ...figure.layout };
    const ownBackground = layout.paper_bgcolor || (layout.template && layout.template.layout && layout.template.layout.paper_bgcolor);
    if (dark && (!ownBackground || ownBackground === "white")) Object.assign(layout, darkLayout(layout));
    layout.autosize = true;
    layout.height = layout.height || 450;
    delete layout.width;
    const config = { ...figure.config, responsive: true, displaylogo: false, plotlyServerURL: "", showSendToCloud: false };
    await library.react(out, figure.data || [], layout, config);
    // It draws what it does not know as a line, which would be another chart.
    const other = /** @type {any} */ (out)._fullData.find((/** @type {any} */ full) => full.type !== typeOf(full._input));
    if (other) {
      library.purge(out);
      throw new Error(`charts of type ${typeOf(other._input)} cannot be drawn here`);
    }
    if (frames.length > 0) await library.addFrames(out, frames);
  }

  /** Colours for a dark page where the figure has none of its own. @param {any} layout */
  function darkLayout(layout) {
    const axis = { gridcolor: "#353a42", zerolinecolor: "#4a505a", linecolor: "#4a505a" };
    /** @type {Record<string, any>} */
    const colours = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: "#d5d9e0", ...layout.font } };
    const axes = new Set(["xaxis", "yaxis", ...Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name))]);
    for (const name of axes) colours[name] = { ...axis, ...layout[name] };
    return colours;
  }
})();
