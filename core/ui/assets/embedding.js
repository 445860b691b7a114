/* Embedding, on our side: the dialog with the code, and what the embedded page tells its host. */
(() => {
  "use strict";
  const text = (value) => value.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");

  /* The code to place an address on another page, as a frame and as a web component. */
  function codes(address, title) {
    const framed = new URL(address);
    framed.searchParams.set("embed", "1");
    const script = new URL("embed.js", new URL("./", address)).href;
    return [
      ["Web component", "As tall as its content, in the colours of the page around it.",
        `<script async src="${text(script)}"></script>\n<vitrine-app src="${text(address)}" title="${text(title)}"></vitrine-app>`],
      ["Frame", "For pages that allow no scripts. Add &__theme=dark to the address for dark colours.",
        `<iframe src="${text(framed.href)}" title="${text(title)}" width="100%" height="900" style="border:0" loading="lazy" allow="microphone; clipboard-write; fullscreen"></iframe>`],
    ];
  }

  function open(link, name, { forOthers, copy, loopback }) {
    let box = document.querySelector(".vt-embed");
    if (!box) {
      box = document.createElement("dialog");
      box.className = "vt-help vt-embed";
      box.setAttribute("aria-labelledby", "vt-embed-title");
      (document.querySelector(".gradio-container") || document.body).append(box);
      box.addEventListener("click", (event) => {
        if (event.target === box) box.close();
        const button = event.target.closest("[data-copy]");
        if (button) copy(button.closest("figure").querySelector("code").textContent, button);
      });
    }
    const figures = codes(forOthers(link), name).map(([title, words, code]) =>
      `<figure class="vt-code"><figcaption><span><b>${title}</b> ${text(words)}</span><button type="button" class="vt-button" data-copy aria-label="Copy the code: ${title}">Copy</button></figcaption><pre tabindex="0"><code>${text(code)}</code></pre></figure>`);
    const local = loopback ? "<p class='vt-quiet'>This address opens on this computer only. Start the hub with --share, or publish it, to embed it elsewhere.</p>" : "";
    box.innerHTML = `<h2 id="vt-embed-title">Embed</h2><p>Place “${text(name)}” on another page.</p>${figures.join("")}${local}<form method="dialog"><button class="vt-button">Close</button></form>`;
    box.showModal();
  }

  /* Inside a host page: tell it how tall the content is, and take its colours. */
  function report() {
    let last = 0;
    const measure = () => {
      const parts = [...document.querySelectorAll(".gradio-container main > *, .vt-fold[open] .vt-fold-body")];
      const tall = Math.ceil(Math.max(0, ...parts.map((part) => part.getBoundingClientRect().bottom + scrollY)) + 24);
      if (Math.abs(tall - last) > 1) parent.postMessage({ vitrine: "size", height: (last = tall) }, "*");
    };
    new ResizeObserver(measure).observe(document.body);
    new MutationObserver(() => requestAnimationFrame(measure)).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["open", "style", "class"] });
    addEventListener("message", (event) => {
      if (event.source !== parent || event.data?.vitrine !== "theme") return;
      vitrine.theme(event.data.dark === true);
    });
    parent.postMessage({ vitrine: "ready" }, "*");
  }

  const start = () => {
    window.vitrine.embed = open;
    if ("embed" in document.documentElement.dataset && window.self !== window.top) report();
    /* The link back: the same result on the whole page. */
    for (const kind of ["pointerdown", "focusin", "click"]) document.addEventListener(kind, (event) => {
      const link = event.target.closest?.("[data-do=whole]");
      if (!link) return;
      const url = new URL(location.href);
      for (const name of ["embed", "__theme"]) url.searchParams.delete(name);
      link.href = url.href;
    }, true);
  };
  if (window.vitrine) start(); else addEventListener("vitrine", start);
})();
