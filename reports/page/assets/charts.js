"use strict";
/* Draws the charts of a page from the JSON in it. `charts.draw()` draws all that are not drawn yet. */
const charts = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const views = new Map(); // a chart's element and the Vega view that draws it
  const tip = document.getElementById("tip");
  let fits = () => true; // whether a row passes the reader's filters

  const FONT = "system-ui, \"Segoe UI\", \"DejaVu Sans\", sans-serif"; // as page.css has it: Vega measures text with it

  const CONFIG = {
    background: null,
    style: {}, title: {},
    axis: {
      domainColor: "var(--line)", tickColor: "var(--line)", gridColor: "var(--grid)",
      labelColor: "var(--ink)", titleColor: "var(--ink)", titleFontWeight: "normal",
      labelFont: FONT, titleFont: FONT,
    },
    legend: { labelColor: "var(--ink)", titleColor: "var(--ink)", labelFont: FONT, titleFont: FONT },
    text: { font: FONT, fill: "var(--ink)" },
  };

  /* The size of a chart's text: that of the page, times what the style sheet sets as `--chart-em`. */
  function em() {
    const style = getComputedStyle(document.body);
    return parseFloat(style.fontSize) * (parseFloat(style.getPropertyValue("--chart-em")) || 0.88);
  }

  const widthOf = (figure) => Math.max(240, Math.floor(figure.querySelector(".drawing").clientWidth));

  function specOf(chart) {
    const spec = structuredClone(data.specs[chart.spec]);
    const given = { ...chart.settings };
    spec.signals = (spec.signals || []).map((signal) =>
      signal.name in given ? { ...signal, value: given[signal.name] } : signal);
    for (const set of spec.data) {
      if (set.name === "rows") set.values = chart.rows.filter(fits);
      else if (set.name in chart.more) set.values = chart.more[set.name].filter(fits);
    }
    return spec;
  }

  function drawOne(figure) {
    const chart = data.charts[figure.id];
    const old = views.get(figure);
    if (old) old.finalize();
    const place = figure.querySelector(".drawing");
    const kept = chart.rows.filter(fits).length;
    figure.classList.toggle("empty", kept === 0);
    const runtime = vega.parse(specOf(chart), CONFIG, { ast: true });
    const view = new vega.View(runtime, {
      expr: vega.expressionInterpreter, renderer: "svg", container: place, hover: true, logLevel: vega.Warn,
    });
    view.signal("width", widthOf(figure)).signal("em", em());
    view.tooltip(showTip);
    view.run();
    const svg = place.querySelector("svg");
    svg.setAttribute("aria-hidden", "true"); // the element around it has the description, and the table the numbers
    svg.removeAttribute("style");
    views.set(figure, view);
    figure.dataset.drawn = "true";
  }

  function showTip(handler, event, item, value) {
    tip.hidden = !value;
    if (!value) return;
    tip.textContent = typeof value === "object" ? Object.values(value).join("\n") : String(value);
    const x = Math.min(event.clientX + 12, window.innerWidth - tip.offsetWidth - 8);
    const y = Math.min(event.clientY + 16, window.innerHeight - tip.offsetHeight - 8);
    tip.style.left = `${Math.max(4, x)}px`;
    tip.style.top = `${Math.max(4, y)}px`;
  }

  const isShown = (figure) => !figure.closest("details:not([open])") && figure.offsetParent !== null;
  const waiting = () => [...document.querySelectorAll("figure.chart:not([data-drawn])")].filter(isShown);

  /* One chart after the other, so that the page answers the reader meanwhile. */
  function draw() {
    const [next] = waiting();
    if (!next) return;
    drawOne(next);
    setTimeout(draw, 0);
  }

  function drawAll() {
    for (const figure of waiting()) drawOne(figure);
  }

  /* The height of a drawn chart. Vega changes its picture a moment later, so nothing else tells it at once. */
  function heightOf(figure) {
    const view = views.get(figure);
    return view.height() + view.padding().top + view.padding().bottom;
  }

  function redraw() {
    for (const figure of document.querySelectorAll("figure.chart[data-drawn]")) delete figure.dataset.drawn;
    draw();
  }

  function filter(test) {
    fits = test;
    redraw();
  }

  let size = window.innerWidth;
  let later = 0;
  window.addEventListener("resize", () => {
    if (window.innerWidth === size) return;
    size = window.innerWidth;
    clearTimeout(later);
    later = setTimeout(redraw, 100);
  });
  window.addEventListener("beforeprint", drawAll);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
  document.addEventListener("toggle", draw, true);
  return { draw, drawAll, filter, heightOf, redraw };
})();
