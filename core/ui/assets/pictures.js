/* Pictures to compare: strip, wipe, square to cut out. One set of listeners for whatever stands on the page. */
(() => {
  "use strict";
  const $$ = (root, query) => [...root.querySelectorAll(query)];
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  /* A strip: buttons [data-c][data-r] choose a picture of the sheet, the dial moves along a row. */
  function choose(strip, button, focus) {
    const { c, r, x, say, value } = button.dataset;
    for (const [name, number] of [["--c", c], ["--r", r], ["--x", x]]) strip.style.setProperty(name, number);
    for (const other of $$(strip, ".vt-cells button")) {
      const on = other === button;
      other.setAttribute("aria-pressed", on);
      other.tabIndex = on ? 0 : -1;
    }
    const dial = strip.querySelector(".vt-dial input");
    if (dial) { dial.value = c; dial.setAttribute("aria-valuetext", value); }
    for (const out of $$(strip, "[data-strip=value]")) out.textContent = value;
    for (const out of $$(strip, "[data-strip=say]")) out.textContent = say || "";
    strip.querySelector("[data-strip=picture]")?.setAttribute("aria-label", button.getAttribute("aria-label"));
    if (focus) button.focus();
  }
  const cell = (strip, c, r) => strip.querySelector(`.vt-cells button[data-c="${c}"][data-r="${r}"]`);
  const current = (strip) => strip.querySelector('.vt-cells button[aria-pressed="true"]');
  const stop = (strip) => {
    if (!strip.vtPlays) return;
    clearInterval(strip.vtPlays);
    strip.vtPlays = 0;
    const button = strip.querySelector("[data-do=strip-play]");
    if (button) { button.textContent = "▶ Play"; button.setAttribute("aria-pressed", "false"); }
  };
  function play(strip, button) {
    if (strip.vtPlays) return stop(strip);
    button.textContent = "◼ Stop";
    button.setAttribute("aria-pressed", "true");
    let way = 1;
    strip.vtPlays = setInterval(() => {
      const now = strip.isConnected && current(strip);
      if (!now) return stop(strip);
      const c = Number(now.dataset.c), r = now.dataset.r;
      if (!cell(strip, c + way, r)) way = -way;
      const next = cell(strip, c + way, r);
      if (next) choose(strip, next); else stop(strip);
    }, 350);
  }

  document.addEventListener("input", ({ target }) => {
    const wipe = target.closest?.(".vt-wipe");
    if (wipe && target.type === "range") return wipe.style.setProperty("--at", target.value + "%");
    const strip = target.closest?.(".vt-strip");
    if (strip && target.closest(".vt-dial") && target.type === "range") {
      stop(strip);
      const next = cell(strip, target.value, current(strip)?.dataset.r || 0);
      if (next) choose(strip, next);
    }
    if (strip && target.dataset.under !== undefined && target.checked)
      for (const under of $$(strip, ".vt-under")) under.hidden = under.dataset.name !== target.dataset.under;
    if (strip && target.dataset.under !== undefined) {
      const name = strip.querySelector(".vt-side");
      if (name) name.textContent = target.dataset.under;
    }
  });
  document.addEventListener("click", ({ target }) => {
    const strip = target.closest?.(".vt-strip");
    if (!strip) return;
    const button = target.closest(".vt-cells button"), player = target.closest("[data-do=strip-play]");
    if (button) { stop(strip); choose(strip, button); }
    if (player) play(strip, player);
  });
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  document.addEventListener("keydown", (event) => {
    const button = event.target.closest?.(".vt-cells button"), frame = event.target.closest?.(".vt-frame");
    const step = STEPS[event.key];
    if (button && (step || event.key === "Home" || event.key === "End")) {
      const strip = button.closest(".vt-strip"), { c, r } = button.dataset;
      const row = $$(strip, `.vt-cells button[data-r="${r}"]`);
      const next = step ? cell(strip, Number(c) + step[0], Number(r) + step[1]) : row.at(event.key === "Home" ? 0 : -1);
      event.preventDefault();
      stop(strip);
      if (next) choose(strip, next, true);
    }
    if (frame) {
      const box = read(frame), much = event.shiftKey ? 0.1 : 0.02;
      if (step) place(frame, { ...box, left: box.left + step[0] * much, top: box.top + step[1] * much }, true);
      else if (event.key === "+" || event.key === "=") place(frame, { ...box, side: box.side * 1.06 }, true);
      else if (event.key === "-") place(frame, { ...box, side: box.side / 1.06 }, true);
      else return;
      event.preventDefault();
    }
  });

  /* A square to cut out: shares of the picture's width and height; the side is a share of its shorter side. */
  const sizes = (frame) => {
    const img = frame.parentElement.querySelector("img"), box = img.getBoundingClientRect();
    return { img, width: box.width || 1, height: box.height || 1 };
  };
  const read = ({ dataset }) => ({ left: Number(dataset.left), top: Number(dataset.top), side: Number(dataset.side) });
  function place(frame, wish, tell) {
    const { img, width, height } = sizes(frame), short = Math.min(width, height);
    const side = clamp(wish.side, Math.min(1, 24 / short), 1);
    const left = clamp(wish.left, 0, 1 - (side * short) / width), top = clamp(wish.top, 0, 1 - (side * short) / height);
    Object.assign(frame.dataset, { left, top, side });
    Object.assign(frame.style, {
      left: `${100 * left}%`, top: `${100 * top}%`,
      width: `${(100 * side * short) / width}%`, height: `${(100 * side * short) / height}%`,
    });
    const canvas = frame.closest("[data-crops]")?.querySelector("canvas");
    if (canvas && img.naturalWidth) {
      const cut = side * Math.min(img.naturalWidth, img.naturalHeight);
      const pen = canvas.getContext("2d");
      pen.imageSmoothingQuality = "high";
      pen.drawImage(img, left * img.naturalWidth, top * img.naturalHeight, cut, cut, 0, 0, canvas.width, canvas.height);
    }
    if (tell) frame.dispatchEvent(new CustomEvent("vt-crop", { bubbles: true, detail: { left, top, side } }));
  }
  document.addEventListener("pointerdown", (event) => {
    const frame = event.target.closest?.(".vt-frame");
    if (!frame || event.button) return;
    const resize = event.target.tagName === "I", from = { x: event.clientX, y: event.clientY }, box = read(frame);
    const { width, height } = sizes(frame), short = Math.min(width, height);
    const move = ({ clientX, clientY }) => {
      const dx = clientX - from.x, dy = clientY - from.y;
      const room = Math.min((1 - box.left) * width, (1 - box.top) * height) / short;
      if (resize) place(frame, { ...box, side: Math.min(box.side + Math.max(dx, dy) / short, room) });
      else place(frame, { ...box, left: box.left + dx / width, top: box.top + dy / height });
    };
    const end = () => {
      removeEventListener("pointermove", move);
      place(frame, read(frame), true);
    };
    frame.setPointerCapture?.(event.pointerId);
    addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, end, { once: true });
    event.preventDefault();
    frame.focus();
  });
  document.addEventListener("load", ({ target }) => {
    const frame = target.tagName === "IMG" && target.parentElement?.querySelector(".vt-frame");
    if (frame) place(frame, read(frame));
  }, true);
})();
