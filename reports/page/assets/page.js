/* The filters of a page, and its first drawing. */
(() => {
  const form = document.getElementById("filters");
  const names = ["topic", "device", "size"];

  function wanted() {
    const chosen = {};
    for (const name of names) chosen[name] = form.elements[name] ? form.elements[name].value : "";
    return chosen;
  }

  function apply() {
    const chosen = wanted();
    const fits = (tags) => names.every((name) => !chosen[name] || !tags[name] || tags[name] === chosen[name]);
    const tagged = document.querySelectorAll("main [data-topic], main [data-device], main [data-size]");
    for (const element of tagged) element.hidden = !fits(element.dataset);
    const said = names.filter((name) => chosen[name]).map((name) => `${name} ${chosen[name]}`);
    document.getElementById("showing").textContent = said.length ? `Showing only ${said.join(", ")}.` : "";
    charts.filter(fits);
  }

  if (form) {
    form.hidden = false;
    form.addEventListener("change", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  charts.draw();
})();
