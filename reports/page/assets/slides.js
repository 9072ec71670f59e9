/* Shows one slide at a time: first the question, then the answer. Prints all of them. */
(() => {
  const root = document.documentElement;
  const slides = [...document.querySelectorAll(".slide")];
  const overview = document.getElementById("overview");
  const help = document.getElementById("help");
  const status = document.getElementById("status");
  const SIZES = ["0", "1"]; // of the font, as slides.css has them: the largest first
  const LEAST = 0.3; // the smallest scale of a slide on paper
  let now = 0;
  let typed = ""; // the digits of a slide's number
  let onPaper = false; // whether all slides are laid out for paper

  const answerOf = (slide) => slide.querySelector("details.reveal");
  const isHidden = (answer) => answer !== null && !answer.open;
  const stageOf = (slide) => slide.querySelector(".stage");

  /* Draws the charts of a slide anew; those that are not shown follow when they are. Each takes its height at once. */
  function drawAgain(slide) {
    const figures = [...slide.querySelectorAll("figure.chart")];
    for (const figure of figures) delete figure.dataset.drawn;
    charts.drawAll();
    for (const figure of figures.filter((drawn) => drawn.dataset.drawn)) {
      const height = charts.heightOf(figure);
      figure.querySelector(".drawing").style.height = height === null ? "" : `${height}px`;
    }
  }

  /* The largest font with which the slide needs no scrolling; the smallest if there is none. */
  function fit() {
    const stage = stageOf(slides[now]);
    for (const size of SIZES) {
      root.dataset.size = size;
      drawAgain(slides[now]);
      if (stage.scrollHeight <= stage.clientHeight) break;
    }
    document.getElementById("more").hidden = stage.scrollHeight <= stage.clientHeight;
  }

  function announce() {
    const answer = answerOf(slides[now]);
    const state = !answer ? slides[now].dataset.kind : answer.open ? "answer revealed" : slides[now].dataset.kind;
    status.textContent = `Slide ${now + 1} of ${slides.length}, ${state}`;
  }

  function update() {
    const answer = answerOf(slides[now]);
    slides[now].classList.toggle("revealed", answer !== null && answer.open);
    document.getElementById("next").textContent = isHidden(answer) ? "Show the answer" : "Next →";
    document.getElementById("next").disabled = now === slides.length - 1 && !isHidden(answer);
    document.getElementById("back").disabled = now === 0;
    announce();
    fit();
  }

  function show(index) {
    now = Math.max(0, Math.min(slides.length - 1, index));
    slides.forEach((slide, at) => slide.classList.toggle("now", at === now));
    stageOf(slides[now]).scrollTop = 0;
    if (named() !== slides[now].id) location.hash = slides[now].id;
    update();
  }

  function next() {
    const answer = answerOf(slides[now]);
    if (isHidden(answer)) answer.open = true; // `toggle` follows
    else if (now < slides.length - 1) show(now + 1);
  }

  function back() {
    if (now > 0) show(now - 1);
  }

  function named() {
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch {
      return ""; // an address that somebody mistyped
    }
  }

  function follow() {
    const index = slides.findIndex((slide) => slide.id === named());
    if (index >= 0 && index !== now) show(index);
  }

  function showNotes() {
    const shown = root.classList.toggle("with-notes");
    document.getElementById("speaker").setAttribute("aria-pressed", String(shown));
    fit();
  }

  function open(dialog, other) {
    other.close();
    if (dialog.open) dialog.close();
    else dialog.showModal();
    const current = overview.querySelectorAll("a")[now];
    if (overview.open && current) current.focus();
  }

  async function fullScreen() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await root.requestFullscreen();
    } catch {
      status.textContent = "This browser does not allow full screen here.";
    }
  }

  const scroll = (way) => stageOf(slides[now]).scrollBy({ top: way * stageOf(slides[now]).clientHeight / 3 });

  const KEYS = {
    ArrowRight: next, PageDown: next, " ": next, ArrowLeft: back, PageUp: back,
    Home: () => show(0), End: () => show(slides.length - 1),
    ArrowDown: () => scroll(1), ArrowUp: () => scroll(-1),
    n: showNotes, o: () => open(overview, help), "?": () => open(help, overview), f: fullScreen,
  };

  /* Whether the key means something to what has the focus: a control, an open dialog, or what can be scrolled. */
  function isTaken(event) {
    const at = event.target instanceof Element ? event.target : document.body;
    if (at.closest("input, select, textarea, [contenteditable]")) return true;
    if (event.key === " " && at.closest("button, summary, a")) return true;
    if (at.closest("dialog")) return event.key.length > 1 || event.key === " ";
    if (["ArrowUp", "ArrowDown"].includes(event.key)) return at.closest(".wide, .said") !== null;
    const table = at.closest(".wide");
    return table !== null && event.key.startsWith("Arrow") && table.scrollWidth > table.clientWidth;
  }

  /* A number and Enter lead to that slide. Any other key forgets the number. */
  function numbered(event) {
    if (event.key === "Enter" && typed) {
      event.preventDefault();
      const index = Number(typed) - 1;
      typed = "";
      show(index);
      return true;
    }
    const isDigit = /^[0-9]$/.test(event.key) && !event.ctrlKey && !event.altKey && !event.metaKey;
    if (!isDigit && typed) announce();
    typed = isDigit && !isTaken(event) ? (typed + event.key).slice(-4) : "";
    if (typed) status.textContent = `Go to slide ${typed}: press Enter`;
    return typed !== "";
  }

  document.addEventListener("keydown", (event) => {
    if (numbered(event)) return;
    const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || isTaken(event)) return;
    event.preventDefault();
    if (event.key === " " && event.shiftKey) back();
    else act();
  });

  for (const [id, act] of Object.entries({
    back, next, speaker: showNotes, list: KEYS.o, full: fullScreen, keys: KEYS["?"], more: () => scroll(1),
  })) document.getElementById(id).addEventListener("click", act);
  overview.addEventListener("click", (event) => { if (event.target.closest("a")) overview.close(); });
  window.addEventListener("hashchange", follow);
  document.addEventListener("toggle", (event) => {
    if (!onPaper && event.target === answerOf(slides[now])) update();
  }, true);

  let later = 0;
  window.addEventListener("resize", () => {
    clearTimeout(later);
    later = setTimeout(() => { if (!onPaper) fit(); }, 150);
  });

  /* Scales a slide down until it fits its page. A wider sheet holds longer lines, so it is laid out and drawn again. */
  function shrink(slide) {
    const sheet = slide.querySelector(".sheet");
    let scale = 1;
    while (sheet.scrollHeight * scale > slide.clientHeight && scale > LEAST) {
      scale *= Math.max(0.8, Math.min(0.98, Math.sqrt(slide.clientHeight / (sheet.scrollHeight * scale))));
      sheet.style.width = `${100 / scale}%`;
      drawAgain(slide);
    }
    sheet.style.transform = scale < 1 ? `scale(${scale})` : "";
  }

  charts.toPress({
    room: () => null, // its place on the slide
    opens: (details) => details.matches(".reveal, .notes"),
    lay() {
      onPaper = true;
      root.classList.replace("deck", "paper");
      for (const slide of slides) {
        drawAgain(slide);
        shrink(slide);
      }
    },
    restore() {
      for (const sheet of document.querySelectorAll(".sheet")) sheet.removeAttribute("style");
      root.classList.replace("paper", "deck");
      onPaper = false;
      update();
    },
  });

  overview.close();
  document.getElementById("bar").hidden = false;
  root.classList.add("deck");
  for (const notes of document.querySelectorAll("details.notes")) notes.open = true; // `deck` hides them
  const asked = slides.findIndex((slide) => slide.id === named());
  show(Math.max(0, asked));
})();
