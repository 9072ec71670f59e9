"use strict";
/* Draws the charts of a page from the JSON in it: first what is on the screen, then the rest, one after the other. */
const charts = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const views = new Map(); // a chart's element and the Vega view that draws it
  const tip = document.getElementById("tip");
  let fits = () => true; // whether a row passes the reader's filters
  let pinned = false; // whether the tooltip stays when the pointer leaves
  let paper = false; // whether the page is being printed
  let press = { // how a page goes on paper and comes back: the charts' room, what else is opened, what is done
    room: () => PAPER, opens: (details) => details.querySelector("figure.chart"), lay: drawAll, restore: drawAll,
  };

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

  const PAPER = { width: 700, em: 12 }; // pixels on A4 and on Letter, between the margins
  const NOTHING = "Nothing in this chart fits the filters.";
  const FAILED = "This chart could not be drawn. Its numbers are in the table below.";

  /* The room for a picture. Read it before the old picture goes: the page would be laid out without one, and jump. */
  function room(figure) {
    const given = paper && press.room(figure);
    if (given) return given;
    const width = Math.max(240, Math.floor(figure.querySelector(".drawing").clientWidth || figure.clientWidth));
    return { width, em: em() };
  }

  /* Copies of the rows that fit: Vega writes into the rows that it is given, and a redrawing needs them as they were. */
  const fitting = (rows) => structuredClone(rows.filter(fits));

  function specOf(chart) {
    const spec = structuredClone(data.specs[chart.spec]);
    const given = { ...chart.settings };
    spec.signals = (spec.signals || []).map((signal) =>
      signal.name in given ? { ...signal, value: given[signal.name] } : signal);
    for (const set of spec.data) {
      if (set.name === "rows") set.values = fitting(chart.rows);
      else if (set.name in chart.more) set.values = fitting(chart.more[set.name]);
    }
    return spec;
  }

  /* Vega does not throw what goes wrong while it computes or draws: it logs it. */
  function logger(problems) {
    return vega.logger(vega.Warn, "", (method, level, said) => {
      if (level === "ERROR") problems.push(said[0]);
      else console.warn(...said);
    });
  }

  /* Vega computes at once and draws a moment later, into an element that then takes the place of the old picture. */
  async function picture(figure, chart, { width, em }) {
    const problems = [];
    const place = document.createElement("div");
    const runtime = vega.parse(specOf(chart), CONFIG, { ast: true });
    const view = new vega.View(runtime, {
      expr: vega.expressionInterpreter, renderer: "svg", container: place, hover: true, logger: logger(problems),
    });
    views.set(figure, view);
    view.signal("width", width).signal("em", em).tooltip(showTip);
    await view.runAsync();
    if (views.get(figure) !== view) return; // meanwhile it is drawn anew
    if (problems.length) throw problems[0];
    const svg = place.querySelector("svg");
    svg.setAttribute("aria-hidden", "true"); // the element around it has the description, and the table the numbers
    svg.removeAttribute("style");
    figure.querySelector(".drawing").replaceChildren(place);
  }

  /* Show a sentence instead of the picture. */
  function say(figure, sentence) {
    const place = figure.querySelector(".drawing");
    place.hidden = Boolean(sentence);
    if (sentence) place.replaceChildren();
    const state = figure.querySelector(".state");
    state.hidden = !sentence;
    state.textContent = sentence;
  }

  function close(figure) {
    if (views.has(figure)) views.get(figure).finalize();
    views.delete(figure);
  }

  async function drawOne(figure) {
    const chart = data.charts[figure.id];
    const space = room(figure);
    figure.dataset.drawn = "soon";
    close(figure);
    const some = chart.rows.some(fits);
    say(figure, some ? "" : NOTHING);
    try {
      if (some) await picture(figure, chart, space);
    } catch (problem) {
      close(figure);
      console.error(`The chart "${chart.title}" (${figure.id}) could not be drawn.`, problem);
      say(figure, FAILED);
      figure.querySelector("details.numbers").open = true;
    }
    figure.dataset.drawn = "true";
  }

  function showTip(handler, event, item, value) {
    if (!value && pinned) return;
    hideTip();
    if (!value) return;
    tip.hidden = false;
    tip.textContent = typeof value === "object" ? Object.values(value).join("\n") : String(value);
    const x = Math.min(event.clientX + 12, window.innerWidth - tip.offsetWidth - 8);
    const y = Math.min(event.clientY + 16, window.innerHeight - tip.offsetHeight - 8);
    tip.style.left = `${Math.max(4, x)}px`;
    tip.style.top = `${Math.max(4, y)}px`;
  }

  function hideTip() {
    tip.hidden = true;
    pinned = false;
  }

  /* A finger does not hover: where it taps, the tooltip appears and stays. A tap elsewhere hides it. */
  function tapped(event) {
    const item = event.target.closest(".drawing") && [event.target.__data__].flat()[0]; // where Vega keeps what is drawn
    hideTip();
    showTip(null, event, item, item && item.tooltip);
    pinned = !tip.hidden;
  }

  const isShown = (figure) => !figure.closest("details:not([open])") && figure.offsetParent !== null;
  const waiting = () => [...document.querySelectorAll("figure.chart:not([data-drawn])")].filter(isShown);

  /* A chart above the window may grow or shrink: what the reader looks at stays. */
  async function drawInPlace(figure) {
    const { bottom, height } = figure.getBoundingClientRect();
    await drawOne(figure);
    if (bottom <= 0) window.scrollBy(0, figure.getBoundingClientRect().height - height);
  }

  /* One chart after the other, so that the page answers the reader meanwhile: from the screen downwards, then above. */
  let next = 0;
  function draw() {
    if (!next) next = setTimeout(step, 0);
  }

  async function step() {
    const left = waiting();
    const chosen = left.find((figure) => figure.getBoundingClientRect().bottom > 0) || left[0];
    if (chosen) await drawInPlace(chosen);
    next = 0;
    if (left.length > 1) draw();
  }

  function drawAll() {
    for (const figure of waiting()) drawOne(figure);
  }

  /* The height of a chart, already while it is being drawn; null if there is no picture. */
  function heightOf(figure) {
    const view = views.get(figure);
    return view ? view.height() + view.padding().top + view.padding().bottom : null;
  }

  function forget() {
    for (const figure of document.querySelectorAll("figure.chart[data-drawn]")) delete figure.dataset.drawn;
  }

  function redraw() {
    forget();
    draw();
  }

  function filter(test) {
    fits = test;
    hideTip();
    redraw();
  }

  /* For what is laid out otherwise than a page: replaces parts of `press`. */
  function toPress(own) {
    press = { ...press, ...own };
  }

  /* All charts go on paper, also those in details that are closed, drawn for the width of a page. */
  let before = null; // how the page was
  function toPaper() {
    if (before) return;
    const closed = [...document.querySelectorAll("details:not([open])")];
    before = { opened: closed.filter(press.opens), y: window.scrollY };
    paper = true;
    for (const details of before.opened) details.open = true;
    forget();
    press.lay();
  }

  function fromPaper() {
    if (!before) return;
    const { opened, y } = before;
    before = null;
    paper = false;
    for (const details of opened) details.open = false;
    forget();
    press.restore();
    setTimeout(() => window.scrollTo(0, y), 0);
  }

  let size = window.innerWidth;
  let later = 0;
  window.addEventListener("resize", () => {
    hideTip();
    if (window.innerWidth === size || paper) return;
    size = window.innerWidth;
    clearTimeout(later);
    later = setTimeout(redraw, 100);
  });
  window.addEventListener("beforeprint", toPaper);
  window.addEventListener("afterprint", fromPaper);
  window.addEventListener("scroll", hideTip, { passive: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
  document.addEventListener("click", tapped);
  document.addEventListener("toggle", draw, true);
  return { draw, drawAll, filter, heightOf, redraw, toPress };
})();
