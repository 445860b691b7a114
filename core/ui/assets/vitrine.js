/* Behaviour of our own parts. No library, no other host. Announces itself by the event "vitrine". */
(() => {
  "use strict";
  const $$ = (root, query) => [...root.querySelectorAll(query)];
  const origin = () => new URL("./", document.baseURI).href.replace(/\/$/, "");
  const absolute = (link) => new URL(link, document.baseURI).href;
  /* What others can open: the shared address when this page itself came from the same machine. */
  const shared = document.querySelector("meta[name=vitrine-address]")?.content;
  const loopback = /^(localhost|127\.[\d.]+|\[::1\])$/.test(location.hostname);
  const forOthers = (link) => new URL(link, loopback && shared ? shared : document.baseURI).href;
  /* The address bar follows what is shown; what an embedding page asked for stays. */
  function stay(link) {
    const asked = new URLSearchParams(location.search), url = new URL(link, document.baseURI);
    for (const name of ["embed", "__theme"]) if (asked.has(name)) url.searchParams.set(name, asked.get(name));
    history.replaceState(null, "", url);
  }

  async function copy(text, button) {
    try { await navigator.clipboard.writeText(text); }
    catch (error) {
      const area = document.createElement("textarea");
      area.value = text; document.body.append(area); area.select();
      document.execCommand("copy"); area.remove();
    }
    const old = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = old; }, 1500);
  }

  /* The file input of the first part in sight that takes files; one that holds something is emptied first. */
  async function emptied(outside) {
    const near = (root) => $$(root, "input[type=file]").find((i) => !outside.contains(i) && i.parentElement.checkVisibility());
    const found = near(document);
    if (found) return found;
    const button = $$(document, 'button[aria-label="Upload file"]').find((b) => !outside.contains(b) && b.checkVisibility());
    const block = button?.closest("[id]");
    if (!block) return null;
    block.querySelector('button[aria-label="Clear"]')?.click();
    for (let tries = 0; tries < 20; tries += 1) {
      await new Promise((done) => setTimeout(done, 100));
      block.querySelector('button[aria-label="Upload file"]:not(.selected)')?.click();
      const input = near(block);
      if (input) return input;
    }
    return null;
  }

  function fillOrigins(root) {
    for (const code of $$(root, "code[data-origin]"))
      code.textContent = code.textContent.replaceAll("http://127.0.0.1:7860", origin());
  }

  /* Actions that need no server: copying, theme, help. One listener for the whole document. */
  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-do]");
    if (!target) return;
    const what = target.dataset.do;
    if (what === "copy-link") copy(forOthers(target.dataset.link), target);
    if (what === "embed") vitrine.embed?.(target.dataset.link, target.dataset.name, { forOthers, copy, loopback: loopback && !shared });
    if (what === "copy-code") {
      fillOrigins(target.closest("figure"));
      copy(target.closest("figure").querySelector("code").textContent, target);
    }
    if (what === "theme") setDark(!document.body.classList.contains("dark"), true);
    if (what === "help") help();
    if (what === "skip") {
      event.preventDefault();
      const main = document.getElementById("vt-tabs");
      if (main) { main.tabIndex = -1; main.focus(); main.scrollIntoView(); }
    }
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.matches && event.target.matches(".vt-fold[open]")) {
      fillOrigins(event.target);
      for (const other of $$(document, ".vt-fold[open], .vt-methods[open]"))
        if (other !== event.target) other.open = false;
    }
  }, true);
  document.addEventListener("click", (event) => {
    for (const fold of $$(document, ".vt-fold[open], .vt-methods[open]"))
      if (!fold.contains(event.target)) fold.open = false;
  });

  /* Inside another page: no navigation, no history. A Space's own frame is not such a page. */
  const framed = window.self !== window.top;
  const wish = new URLSearchParams(location.search).get("embed");
  const hosts = [...(location.ancestorOrigins || [document.referrer])].filter(Boolean).map((one) => new URL(one).hostname);
  if (wish === "1" || (wish !== "0" && framed && !hosts.includes("huggingface.co"))) document.documentElement.dataset.embed = "";

  /* Light and dark: the visitor's choice, else the system's. */
  let told = new URLSearchParams(location.search).get("__theme"); // by the address or by the embedding page
  function setDark(on, keep) {
    document.body.classList.toggle("dark", on);
    if (keep) told = null;
    if (keep) try { localStorage.setItem("vitrine-theme", on ? "dark" : "light"); } catch (error) { /* private mode */ }
  }
  function chosenTheme() {
    if (told === "dark" || told === "light") return told;
    if ("embed" in document.documentElement.dataset) return null; // as the system has it
    try { return localStorage.getItem("vitrine-theme"); } catch (error) { return null; }
  }
  /* Gradio sets the class from the system whenever it mounts; a choice outlives that. */
  const holdTheme = () => {
    const chosen = chosenTheme();
    if (chosen) setDark(chosen === "dark", false);
  };
  holdTheme();
  new MutationObserver(holdTheme).observe(document.body, { attributes: true, attributeFilter: ["class"] });

  /* Title and language: Gradio writes the app's title on every page once it has mounted. */
  const title = document.title;
  const hold = new MutationObserver(() => { if (document.title !== title) document.title = title; });
  const node = document.querySelector("title");
  if (node && title) hold.observe(node, { childList: true });

  /* Gradio names an empty component on an element without a role, which readers must not announce. */
  let planned = false;
  const mend = () => {
    planned = false;
    for (const empty of $$(document, ".empty[aria-label]:not([role])")) empty.setAttribute("role", "img");
  };
  new MutationObserver(() => { if (!planned) { planned = true; requestAnimationFrame(mend); } })
    .observe(document.body, { childList: true, subtree: true });

  /* Keyboard. */
  const typing = (element) => element.matches("input, textarea, select, [contenteditable=true]");
  const shown = (element) => element.offsetParent !== null;
  document.addEventListener("keydown", (event) => {
    const press = (query) => { const found = $$(document, query).find((e) => shown(e) && !e.disabled); if (found) { event.preventDefault(); found.click(); } };
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return press("button.vt-run-button, .vt-run-button button");
    if (event.key === "Escape") {
      const open = $$(document, ".vt-fold[open], .vt-methods[open]");
      if (open.length) { for (const fold of open) { fold.open = false; fold.querySelector("summary").focus(); } return; }
      if (!document.querySelector("dialog[open]")) press('[data-do="stop"]');
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/") {
      const field = document.getElementById("vt-search") || $$(document, ".gradio-container textarea, .gradio-container input[type=text]").find(shown);
      if (field) { event.preventDefault(); field.focus(); }
    }
    if (event.key === "?") { event.preventDefault(); help(); }
  });
  function help() {
    let box = document.querySelector(".vt-help");
    if (!box) {
      box = document.createElement("dialog");
      box.className = "vt-help";
      box.setAttribute("aria-label", "Keyboard shortcuts");
      box.innerHTML = "<h2>Keyboard</h2><dl><dt><kbd>Ctrl</kbd> <kbd>Enter</kbd></dt><dd>Run</dd><dt><kbd>Esc</kbd></dt><dd>Stop the job, close a menu</dd><dt><kbd>/</kbd></dt><dd>Search, or go to the first text field</dd><dt><kbd>?</kbd></dt><dd>This list</dd></dl><form method='dialog'><button class='vt-button'>Close</button></form>";
      document.body.append(box);
    }
    if (!box.open) box.showModal();
  }

  /* Parts with a server behind them; called from js_on_load of their component. */
  const vitrine = {
    origins: fillOrigins,
    theme(dark) { told = dark ? "dark" : "light"; setDark(dark, false); },

    bar(element, server, watch) {
      const state = () => element.querySelector(".vt-bar")?.dataset.state;
      let seen = Date.now(), asked = 0, marked = [];
      /* Without a new result, what stands below is from before; say so and draw it back. */
      const mark = () => {
        const bar = element.querySelector(".vt-bar");
        if (!bar) return;
        const old = ["failed", "cancelled", "note"].includes(bar.dataset.state);
        for (const out of marked) out.removeAttribute("data-earlier");
        marked = [];
        let stands = false;
        for (const id of (bar.dataset.outputs || "").split(" ").filter(Boolean)) {
          const out = document.getElementById(id);
          const words = out?.querySelector(".html-container"), field = out?.querySelector("textarea, input");
          const full = out && (words ? words.textContent.trim().length > 80 || words.querySelector("svg, canvas, img") : field ? field.value : !out.querySelector(".empty"));
          if (!old || !full) continue;
          out.setAttribute("data-earlier", "");
          marked.push(out);
          stands ||= shown(out);
        }
        if (old && stands && !bar.querySelector(".vt-earlier"))
          bar.insertAdjacentHTML("beforeend", "<p class='vt-earlier'>Below still stands what was shown before.</p>");
      };
      watch("value", () => {
        seen = Date.now();
        if (state() === "working" && /[?&](run|p)=/.test(location.search)) stay(location.pathname);
        setTimeout(() => {
          mark();
          const link = element.querySelector(".vt-bar")?.dataset.link;
          if (link && /done|stored/.test(state())) stay(link);
          if (vitrine.asked && state() !== "working" && state() !== "idle" && shown(element)) {
            vitrine.asked = false;
            element.scrollIntoView({ behavior: "smooth", block: "center" });
          }
        }, 60);
      });
      const timer = setInterval(async () => {
        if (!element.isConnected) return clearInterval(timer);
        const now = Date.now();
        if (state() !== "working" || now - seen < 5000 || now - asked < 10000) return;
        asked = now;
        try { if ((await fetch(absolute("healthz"), { cache: "no-store" })).ok) vitrine.follow?.(); }
        catch (error) { asked = now - 8000; /* still away; ask again in two seconds */ }
      }, 1000);
      element.addEventListener("click", async (event) => {
        const button = event.target.closest('[data-do="stop"]');
        if (!button) return;
        button.disabled = true; button.textContent = "Stopping";
        await server._stop({ job: button.dataset.job });
      });
    },

    history(element, server, trigger, props) {
      vitrine.follow = () => trigger("follow", {});
      const about = () => { const s = element.querySelector(".vt-history"); return { owner: s.dataset.owner || "", method: s.dataset.method }; };
      const say = (text) => { const line = element.querySelector(".vt-drop"); if (line) line.textContent = text; };
      const show = (answer) => { if (answer.error) say(answer.error); else if (answer.html) props.value = answer.html; };
      element.addEventListener("click", async (event) => {
        const target = event.target.closest("[data-do]");
        if (!target) return;
        const what = target.dataset.do, run = target.dataset.run;
        if (what === "open") {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          vitrine.asked = true;
          trigger("open", { run });
        }
        if (what === "pin") show(await server._pin({ ...about(), run, on: target.getAttribute("aria-pressed") !== "true" }));
        if (what === "delete") {
          if (target.dataset.sure) return show(await server._delete({ ...about(), run }));
          target.dataset.sure = "1"; target.textContent = "Really?";
          setTimeout(() => { delete target.dataset.sure; target.textContent = "Delete"; }, 3000);
        }
        if (what === "export") {
          target.disabled = true;
          const runs = $$(element, "[data-pick]:checked").map((box) => box.dataset.pick);
          const answer = await server._export({ ...about(), runs });
          target.disabled = false;
          if (answer.error) say(answer.error);
          else { const a = document.createElement("a"); a.href = absolute(answer.link); a.download = ""; a.click(); }
        }
      });
      const column = element.closest(".vt-history-column") || element;
      const mark = (on) => element.querySelector(".vt-history")?.toggleAttribute("data-over", on);
      column.addEventListener("change", (event) => { if (event.target.type === "file") vitrine.asked = true; });
      /* A file may be dropped anywhere: what carries settings opens, anything else goes to the input in sight.
         Where Gradio has a zone of its own, it has taken the event already. */
      const opener = () => document.querySelector("input.vt-open-file, .vt-open-file input[type=file]") || column.querySelector("input[type=file]");
      const give = (input, files) => { input.files = files; input.dispatchEvent(new Event("change", { bubbles: true })); };
      const holdsFiles = (event) => !event.defaultPrevented && [...(event.dataTransfer?.types || [])].includes("Files");
      document.addEventListener("dragover", (event) => {
        if (holdsFiles(event)) { event.preventDefault(); mark(true); }
      });
      document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) mark(false); });
      document.addEventListener("drop", async (event) => {
        mark(false);
        if (!holdsFiles(event) || !event.dataTransfer.files.length) return;
        event.preventDefault();
        const files = event.dataTransfer.files;
        if (column.contains(event.target) || /\.(png|json|zip)$/i.test(files[0].name)) return give(opener(), files);
        const input = await emptied(column);
        if (input) give(input, files);
        else say("This part of the page takes no such file. Choose it with the upload button of an input.");
      });
    },

    landing(element) {
      const search = element.querySelector("#vt-search"), chips = $$(element, ".vt-chip");
      const cards = $$(element, ".vt-card"), count = element.querySelector(".vt-count"), none = element.querySelector(".vt-none");
      const update = () => {
        const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
        const tasks = chips.filter((c) => c.getAttribute("aria-pressed") === "true").map((c) => c.dataset.task);
        let visible = 0;
        for (const card of cards) {
          const has = card.dataset.tasks.split("|");
          const fits = words.every((w) => card.dataset.words.includes(w)) && (!tasks.length || tasks.some((t) => has.includes(t)));
          card.hidden = !fits; visible += fits;
        }
        none.hidden = visible > 0 || !cards.length;
        count.textContent = words.length || tasks.length ? `${visible} of ${cards.length} methods` : "";
      };
      search.addEventListener("input", update);
      search.addEventListener("keydown", (event) => {
        if (event.key === "Escape") { search.value = ""; update(); }
        if (event.key === "Enter") cards.find((c) => !c.hidden)?.querySelector("a").click();
      });
      for (const chip of chips) chip.addEventListener("click", () => {
        chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") !== "true"); update();
      });
    },

    poll(element, read, props, seconds = 2) {
      let busy = false;
      const once = async () => {
        if (busy || document.visibilityState !== "visible" || !element.isConnected) return;
        busy = true;
        try { props.value = await read({}); } catch (error) { /* the hub is away; the next tick tries again */ }
        busy = false;
      };
      once();
      const timer = setInterval(() => { if (element.isConnected) once(); else clearInterval(timer); }, seconds * 1000);
    },

    jobs(element, server, props) {
      const owner = () => element.querySelector("[data-owner]")?.dataset.owner || "";
      element.addEventListener("click", async (event) => {
        const button = event.target.closest("[data-do=cancel], [data-do=rerun]");
        if (!button) return;
        button.disabled = true;
        props.value = await server._act({ owner: owner(), job: button.dataset.job, do: button.dataset.do });
      });
      vitrine.poll(element, async () => (owner() ? server._read({ owner: owner() }) : props.value), props, 1.5);
    },
  };
  window.vitrine = vitrine;
  dispatchEvent(new Event("vitrine"));
})();
