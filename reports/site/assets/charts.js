// Draws the charts of a page with plotly.js, in the colours of the page, and redraws them when those change. A chart is
// drawn when it comes near to what is seen, and the others before a page is printed, if plotly.js is there by then.
"use strict";
(() => {
  const LIGHT = ["#0b5c8a", "#c2410c", "#006b4f", "#7c3aed", "#a16207", "#be185d", "#0e7490", "#4d7c0f"];
  const DARK = ["#7cc4ee", "#ffb285", "#7fdcb8", "#c4b5fd", "#fcd34d", "#f9a8d4", "#67e8f9", "#bef264"];

  function styled(trace, palette) {
    const meta = trace.meta ?? {};
    const colour = meta.colour === null || meta.colour === undefined ? SSMPOSE.colour("soft") : palette[meta.colour % palette.length];
    if (meta.band) return { ...trace, fill: "toself", fillcolor: colour, opacity: 0.16, line: { width: 0 }, hoverinfo: "skip" };
    const copy = { ...trace, marker: { ...trace.marker, color: colour } };
    if (trace.mode?.includes("lines")) copy.line = { color: colour, dash: meta.dash ?? "solid", width: 2 };
    return copy;
  }

  function layout(given) {
    const ink = SSMPOSE.colour("ink"), line = SSMPOSE.colour("line");
    const axis = (own) => ({ gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true, ...own });
    const narrow = innerWidth < 768;
    const found = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", modebar: SSMPOSE.modebar(), font: { color: ink, family: "system-ui, sans-serif", size: 12 },
      margin: { l: 55, r: 20, t: 20, b: 50 }, ...given,
    };
    for (const key of ["xaxis", "yaxis", "yaxis2"]) if (given[key]) found[key] = axis(given[key]);
    if (narrow) found.legend = { orientation: "h", y: -0.25 };
    return found;
  }

  function draw(element) {
    const given = element.chart;
    const palette = SSMPOSE.dark() ? DARK : LIGHT;
    const traces = given.data.map((trace) => styled(trace, palette));
    return Plotly.react(element, traces, layout(given.layout), SSMPOSE.chartConfig);
  }

  const shown = new Set();
  async function show(element) {
    if (shown.has(element)) return;
    shown.add(element);
    await SSMPOSE.plotly();
    element.chart = JSON.parse(element.querySelector("script").textContent);
    element.replaceChildren();
    draw(element);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const elements = [...document.querySelectorAll(".chart")];
    const near = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) show(target);
    }, { rootMargin: "600px" });
    elements.forEach((element) => near.observe(element));
    addEventListener("beforeprint", () => elements.forEach(show));
    document.addEventListener("themechange", () => elements.filter((element) => element.chart).forEach(draw));
  });
})();
