/* The filters of a page, and its first drawing. */
(() => {
  const form = document.getElementById("filters");
  const names = ["topic", "device", "size"];

  function chosen() {
    return names.filter((name) => form.elements[name] && form.elements[name].value)
      .map((name) => [name, form.elements[name].value]);
  }

  const isSeen = (row) => !row.closest("[hidden]");

  /* Where the headings and charts are that the reader sees, and those above, the nearest first. */
  function places() {
    const all = [...document.querySelectorAll("main :is(h2, h3, h4, figure.chart)")].filter((element) => element.offsetParent)
      .map((element) => ({ element, box: element.getBoundingClientRect() }))
      .map(({ element, box }) => ({ element, top: box.top, isSeen: box.bottom > form.offsetHeight && box.top < window.innerHeight }));
    return [...all.filter(({ isSeen }) => isSeen), ...all.filter(({ top, isSeen }) => !isSeen && top < 0).reverse()];
  }

  /* Change the page, and keep the first of these places that is left where the reader sees it. */
  function inPlace(change) {
    const before = window.scrollY ? places() : [];
    change();
    const kept = before.find(({ element }) => element.offsetParent);
    if (kept) window.scrollBy(0, kept.element.getBoundingClientRect().top - kept.top);
  }

  function apply() {
    const wanted = chosen();
    const fits = (tags) => wanted.every(([name, value]) => !tags[name] || [tags[name]].flat().includes(value)); // a row of a chart may have several topics
    const tagged = document.querySelectorAll("main [data-topic], main [data-device], main [data-size]");
    inPlace(() => {
      for (const element of tagged) element.hidden = !fits(element.dataset);
      for (const section of document.querySelectorAll("main > section")) { // a heading with nothing below it
        const inner = [...section.querySelectorAll(":scope > section")];
        if (inner.length) section.hidden = !fits(section.dataset) || inner.every((part) => part.hidden);
      }
      form.elements.all.hidden = !wanted.length; // it may make the form higher
    });
    const found = [...tagged].some((element) => element.localName === "tr" && isSeen(element)) ? "" : " Nothing fits.";
    const said = wanted.map(([name, value]) => `${name} ${value}`).join(", ");
    document.getElementById("showing").textContent = said ? `Showing only ${said}.${found}` : "";
    charts.filter(fits);
  }

  const first = form && form.querySelector("select");
  if (first) {
    form.hidden = false;
    form.addEventListener("change", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(() => { // the form is reset after this event
      if (document.activeElement === form.elements.all) first.focus(); // the button disappears
      apply();
    }, 0));
    if (chosen().length) apply(); // a browser may restore what was chosen before
  }
  charts.draw();
})();
