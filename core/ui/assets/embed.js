/* <vitrine-app src="address of a page or a result">: a Vitrine page inside another page. Served at /embed.js.
   It is a frame, so neither page's styles and scripts can touch the other; unlike a plain frame it is as
   tall as its content and follows the light or dark colours of the page around it. */
(() => {
  "use strict";
  if (customElements.get("vitrine-app")) return;

  /* Whether the page around the element is dark: the first ground that is painted, from inside out. */
  function isDark(element) {
    for (let part = element; part; part = part.parentElement || part.getRootNode().host) {
      const [red, green, blue, alpha = 1] = getComputedStyle(part).backgroundColor.match(/[\d.]+/g)?.map(Number) || [0, 0, 0, 0];
      if (alpha > 0.5) return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128;
    }
    const scheme = getComputedStyle(document.documentElement).colorScheme; // nothing is painted: the browser's own ground
    return /dark/.test(scheme) && (!/light/.test(scheme) || matchMedia("(prefers-color-scheme: dark)").matches);
  }

  class VitrineApp extends HTMLElement {
    static observedAttributes = ["src", "title", "theme"];
    #frame; #origin; #stop; #dark;

    connectedCallback() {
      if (!this.style.display) this.style.display = "block";
      const root = this.shadowRoot || this.attachShadow({ mode: "open" });
      root.innerHTML = "<style>iframe{display:block;width:100%;border:0;min-height:240px}</style>";
      this.#frame = document.createElement("iframe");
      this.#frame.allow = "microphone; clipboard-write; fullscreen";
      this.#frame.style.height = `${parseInt(this.getAttribute("height"), 10) || 700}px`;
      root.append(this.#frame);
      this.#stop = new AbortController();
      addEventListener("message", (event) => this.#told(event), { signal: this.#stop.signal });
      const watch = new MutationObserver(() => this.#paint());
      for (const part of [document.documentElement, document.body])
        watch.observe(part, { attributes: true, attributeFilter: ["class", "style", "data-theme", "data-color-mode"] });
      this.#stop.signal.addEventListener("abort", () => watch.disconnect());
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#paint(), { signal: this.#stop.signal });
      this.#load();
    }

    disconnectedCallback() { this.#stop?.abort(); this.#frame = undefined; }

    attributeChangedCallback(name) {
      if (!this.#frame) return;
      if (name === "src") this.#load(); else if (name === "theme") this.#paint(); else this.#name();
    }

    get #theme() {
      const wish = this.getAttribute("theme");
      return wish === "dark" || wish === "light" ? wish === "dark" : isDark(this);
    }

    #name() { this.#frame.title = this.getAttribute("title") || "Vitrine"; }

    #load() {
      const url = new URL(this.getAttribute("src") || "", document.baseURI);
      if (!/^https?:$/.test(url.protocol)) return;
      this.#dark = this.#theme;
      url.searchParams.set("embed", "1");
      url.searchParams.set("__theme", this.#dark ? "dark" : "light");
      this.#origin = url.origin;
      this.#name();
      this.#frame.src = url.href;
    }

    #paint(always = false) {
      const dark = this.#theme;
      if (dark === this.#dark && !always) return;
      this.#dark = dark;
      this.#frame.contentWindow?.postMessage({ vitrine: "theme", dark }, this.#origin);
    }

    #told({ source, origin, data }) {
      if (!this.#frame || source !== this.#frame.contentWindow || origin !== this.#origin) return;
      if (data?.vitrine === "ready") this.#paint(true);
      if (data?.vitrine === "size" && Number.isFinite(data.height) && !this.hasAttribute("height"))
        this.#frame.style.height = `${Math.min(Math.max(data.height, 240), 20000)}px`;
    }
  }
  customElements.define("vitrine-app", VitrineApp);
})();
