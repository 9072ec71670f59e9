/* What tests ask about a page as it is laid out now. */
(() => {
  const isShown = (element) => element.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true });
  const figures = () => [...document.querySelectorAll("figure.chart")].filter(isShown);
  const pictures = () => figures().map((figure) => figure.querySelector(".drawing svg")).filter(Boolean);
  const datum = (element) => [element.__data__].flat()[0] || {};
  const named = (svg) => svg.closest("figure").querySelector("figcaption").textContent;

  /* The texts of a picture that can be read, with their places. */
  function texts(svg) {
    return [...svg.querySelectorAll("text")]
      .filter((text) => text.textContent.trim() && getComputedStyle(text).opacity !== "0" && isShown(text))
      .map((text) => ({ text: text.textContent, box: text.getBoundingClientRect(), item: datum(text) }));
  }

  const share = (low, high, from, to) => Math.min(high, to) - Math.max(low, from);

  function cut(svg) {
    const frame = svg.getBoundingClientRect();
    return texts(svg).filter(({ box }) => box.left < frame.left - 1 || box.right > frame.right + 1 ||
      box.top < frame.top - 1 || box.bottom > frame.bottom + 1).map(({ text }) => `cut: ${text}`);
  }

  /* What has no room may end in an ellipsis if its tooltip has all of it; labels of usual length may not. */
  function shortened(svg) {
    return texts(svg).filter(({ text, item }) => text.includes("…") && text !== [item.text].flat().join(""))
      .filter(({ item }) => (item.fontWeight === 600 && [item.text].flat().every((line) => line.length < 50)) ||
        ![item.text].flat().every((line) => String(item.tooltip || "").includes(line)))
      .map(({ text }) => `shortened: ${text}`);
  }

  /* Boxes of text have room above and below the letters, so neighbouring lines may share a little of it. */
  function overlapping(svg) {
    const all = texts(svg);
    const found = [];
    all.forEach((one, index) => {
      for (const other of all.slice(index + 1)) {
        const wide = share(one.box.left, one.box.right, other.box.left, other.box.right);
        const high = share(one.box.top, one.box.bottom, other.box.top, other.box.bottom);
        if (wide > 1 && high > 0.25 * Math.min(one.box.height, other.box.height)) {
          found.push(`overlapping: "${one.text}" and "${other.text}"`);
        }
      }
    });
    return found;
  }

  function thin(svg) {
    return [...svg.querySelectorAll("g.mark-rect.role-mark > path")]
      .filter((bar) => datum(bar).tooltip && bar.getBoundingClientRect().height < 11.9)
      .map((bar) => `a bar of ${bar.getBoundingClientRect().height} pixels: ${datum(bar).tooltip}`);
  }

  const empty = (svg) => (svg.querySelector("g.role-mark path, g.role-mark line, g.role-mark text") ? [] : ["no marks"]);

  return {
    screenDrawn: () => figures().every((figure) => figure.dataset.drawn === "true" ||
      figure.getBoundingClientRect().top > window.innerHeight),
    drawn: () => figures().every((figure) => figure.dataset.drawn === "true"),
    count: () => pictures().length,
    figures: () => figures().length,
    mark: () => pictures().forEach((svg) => { svg.dataset.old = "true"; }),
    isNew: () => pictures().every((svg) => !svg.dataset.old),

    /* All that is wrong with the charts and the width of the page; empty if nothing is. */
    wrong() {
      const found = pictures().flatMap((svg) =>
        [cut, shortened, overlapping, thin, empty].flatMap((check) => check(svg)).map((said) => `${named(svg)}: ${said}`));
      const { scrollWidth, clientWidth } = document.documentElement;
      if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth} pixels wide in a window of ${clientWidth}`);
      return found;
    },

    texts: () => pictures().flatMap((svg) => texts(svg).map(({ text }) => text)),
    firstTexts: () => pictures().map((svg) => texts(svg)[0].text),
    rows: () => [...document.querySelectorAll("main tbody tr:not([hidden])")].filter((row) => !row.closest("[hidden]"))
      .map((row) => ({ topic: row.dataset.topic || "", device: row.dataset.device || "", text: row.textContent })),
    states: () => [...document.querySelectorAll("figure.chart .state")].filter(isShown).map((state) => state.textContent),
    showing: () => document.getElementById("showing").textContent,
    tip: () => { const tip = document.getElementById("tip"); return tip.hidden ? "" : tip.textContent; },
    tipHas(wanted) { const said = this.tip(); return wanted ? said.includes(wanted) : !said; },
    tipElements: () => document.getElementById("tip").childElementCount,
    focused: () => document.activeElement.name || document.activeElement.textContent.slice(0, 40),
    elements: () => [...document.querySelectorAll("body *")].map((element) => element.localName)
      .reduce((counts, name) => ({ ...counts, [name]: (counts[name] || 0) + 1 }), {}),

    /* The summaries of closed details with a chart, or of all closed details. */
    closed: (charts) => [...document.querySelectorAll("details:not([open])")]
      .filter((details) => isShown(details) && (!charts || details.querySelector("figure.chart"))).length,
    focusClosed(charts) {
      const details = [...document.querySelectorAll("details:not([open])")]
        .find((one) => isShown(one) && (!charts || one.querySelector("figure.chart")));
      details.querySelector("summary").focus();
    },
    openAll: () => document.querySelectorAll("details").forEach((details) => { details.open = true; }),

    /* Where the tooltip's text is drawn that has this in it: the middle of its mark. */
    async middleOf(wanted) {
      const mark = [...document.querySelectorAll(".drawing svg g.role-mark > *")]
        .find((one) => isShown(one) && String(datum(one).tooltip || "").includes(wanted));
      mark.scrollIntoView({ block: "center" });
      await this.frames(); // scrolling hides the tooltip, a frame later
      const box = mark.getBoundingClientRect();
      return [box.left + box.width / 2, box.top + box.height / 2];
    },
    async frames() {
      for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
    },
    isReset: () => document.getElementById("showing").textContent === "",
    place: () => [window.scrollY, document.documentElement.scrollHeight],
    watchScrolling() {
      window.scrolledTimes = 0;
      window.addEventListener("scroll", () => { window.scrolledTimes += 1; });
    },
    scrolled: () => window.scrolledTimes,

    /* The next drawing of the first chart fails while Vega computes, which Vega logs and does not throw. */
    breakFirst() {
      const parse = vega.parse;
      vega.parse = (spec, ...given) => {
        vega.parse = parse;
        const spoilt = { name: "spoilt", update: "em.no.such.name" };
        return parse({ ...spec, signals: [...spec.signals, spoilt] }, ...given);
      };
      charts.redraw();
    },
    colourOfText: () => getComputedStyle(document.querySelector(".drawing svg text")).fill,
  };
})()
