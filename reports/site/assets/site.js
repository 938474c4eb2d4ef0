// Theme, sorting, filtering and the switch between countings. Pages read without it; it only adds.
"use strict";
window.SSMPOSE = { data: {}, mount: {} };

(() => {
  const root = document.documentElement;
  const stored = (key, value) => {
    try { // a page from a file may have no storage
      if (value !== undefined) localStorage.setItem(key, value);
      return localStorage.getItem(key);
    } catch { return null; }
  };
  if (stored("theme")) root.dataset.theme = stored("theme");
  SSMPOSE.dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  SSMPOSE.colour = (name) => { // a variable of the style sheet as the browser computes it
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(--${name})`;
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  // The tools of a chart are shown where the pointer is; the one that would upload the chart is left out.
  SSMPOSE.chartConfig = {
    responsive: true, displaylogo: false, displayModeBar: "hover", plotlyServerURL: "", modeBarButtonsToRemove: ["sendChartToCloud"],
  };
  // plotly.js takes a second to be read: a page asks for it when it is there itself. A promise; Plotly is global then.
  const assets = document.currentScript.src;
  let plotly = null;
  SSMPOSE.plotly = () => plotly ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    Object.assign(script, { src: new URL("plotly.min.js", assets).href, onload: done, onerror: failed });
    document.head.append(script);
  });
  SSMPOSE.modebar = () => ({ bgcolor: "rgba(0,0,0,0)", color: SSMPOSE.colour("soft"), activecolor: SSMPOSE.colour("accent") });

  function theme() {
    const button = document.querySelector("[data-theme-switch]");
    const name = () => { button.textContent = SSMPOSE.dark() ? "Light" : "Dark"; };
    button.addEventListener("click", () => {
      root.dataset.theme = SSMPOSE.dark() ? "light" : "dark";
      stored("theme", root.dataset.theme);
      name();
      document.dispatchEvent(new Event("themechange"));
    });
    name();
  }

  // An open menu closes by Escape, and when something else is chosen; the browser closes it for another menu.
  function menus() {
    const close = (leave) => {
      for (const menu of document.querySelectorAll("details.menu[open]")) if (leave(menu)) menu.open = false;
    };
    document.addEventListener("click", (event) => close((menu) => !menu.contains(event.target)));
    document.addEventListener("focusin", (event) => close((menu) => !menu.contains(event.target)));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      close((menu) => {
        if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
        return true;
      });
    });
  }

  // A term's definition opens where the term stands; without this, or with a modifier, its link leads to the glossary.
  function terms() {
    const box = document.createElement("div");
    if (!SSMPOSE.data.glossary || !box.showPopover) return;
    Object.assign(box, { id: "term", popover: "auto", tabIndex: -1 });
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-label", "Definition");
    const element = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
    document.body.append(box);
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a.term");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const ids = (link.dataset.terms ?? link.hash.slice(1)).split(" ").filter((id) => SSMPOSE.data.glossary[id]);
      const list = document.createElement("dl");
      for (const id of ids) {
        const [names, definition] = SSMPOSE.data.glossary[id];
        list.append(element("dt", names), element("dd", definition));
      }
      const more = document.createElement("p");
      more.append(Object.assign(element("a", "Glossary"), { href: link.href }));
      box.replaceChildren(list, more);
      event.preventDefault();
      box.showPopover();
      const at = link.getBoundingClientRect();
      const below = at.bottom + 6;
      box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8))}px`;
      box.style.top = `${below + box.offsetHeight < innerHeight ? below : Math.max(8, at.top - box.offsetHeight - 6)}px`;
      box.focus({ preventScroll: true });
    });
  }

  // The search of the first page: all words must be in a text, its kind or its further words; texts that begin so are first.
  const MOST = 12;
  function search() {
    const form = document.querySelector("[data-search]");
    if (!form) return;
    const index = JSON.parse(document.querySelector("[data-search-index]").textContent);
    const [input, list, found] = ["input", "ul", "output"].map((tag) => form.querySelector(tag));
    // Short words begin a word of the text: "CI" is not in "decides".
    const says = (text, word) => (word.length > 2 ? text.includes(word) : text.split(/[^a-z0-9]+/).some((part) => part.startsWith(word)));
    const apply = () => {
      const asked = input.value.trim().toLowerCase();
      const words = asked.split(/\s+/).filter(Boolean);
      const rank = ([text]) => [text.toLowerCase().startsWith(asked), text.toLowerCase().includes(asked), true].indexOf(true);
      const hits = index.filter((entry) => words.length && words.every((word) => says([entry[0], entry[1], entry[3]].join(" ").toLowerCase(), word)));
      hits.sort((a, b) => rank(a) - rank(b));
      list.replaceChildren(...hits.slice(0, MOST).map(([text, kind, href]) => {
        const item = document.createElement("li");
        const link = item.appendChild(Object.assign(document.createElement("a"), { href, textContent: text }));
        link.append(Object.assign(document.createElement("small"), { textContent: kind }));
        return item;
      }));
      found.textContent = !words.length ? "" : hits.length > MOST ? `first ${MOST} of ${hits.length}` : `${hits.length} found`;
    };
    input.addEventListener("input", apply);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      list.querySelector("a")?.click();
    });
  }

  // "3.587 G" -> 3.587e9; null where there is no number.
  const UNITS = { k: 1e3, M: 1e6, G: 1e9 };
  function number(text) {
    const found = /^([+-]?\d*\.?\d+(?:e[+-]?\d+)?)\s*([kMG])?/i.exec(text.replace("−", "-").replaceAll(",", ""));
    return found ? Number(found[1]) * (UNITS[found[2]] ?? 1) : null;
  }
  const MISSING = ["", "–", "-", "nan", "none"];
  // What a column is sorted by: its numbers where most cells are numbers, else its texts. What is missing is null.
  function keys(cells) {
    const texts = cells.map((cell) => (cell.dataset.sort ?? cell.textContent).trim());
    const numbers = texts.map(number);
    const there = texts.filter((text) => !MISSING.includes(text.toLowerCase())).length;
    const counted = numbers.filter((n) => n !== null).length;
    const numeric = cells.some((cell) => cell.tagName === "TD") && counted > 0 && 2 * counted >= there;
    return numeric ? numbers : texts.map((text) => (MISSING.includes(text.toLowerCase()) ? null : text));
  }
  function compare(a, b, down) { // missing last, whichever way
    if (a === null || b === null) return (a === null) - (b === null);
    return (down ? -1 : 1) * (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }));
  }

  // Heads that stand above exactly one column of cells get a button: best first, worst first, as printed; sections stay
  // together.
  function sortable(table) {
    const bodies = [...table.tBodies];
    const printed = bodies.map((body) => [...body.rows].filter((row) => row.cells.length > 1));
    const heads = [];
    const place = [...document.querySelectorAll("table[data-sortable]")].indexOf(table); // for the address
    const rows = [...table.tHead.rows];
    const taken = rows.map(() => []);
    rows.forEach((row, r) => {
      let column = 0;
      for (const cell of row.cells) {
        while (taken[r][column]) column += 1;
        for (let i = 0; i < cell.rowSpan; i += 1) for (let j = 0; j < cell.colSpan; j += 1) if (taken[r + i]) taken[r + i][column + j] = true;
        if (cell.colSpan === 1) heads.push([cell, column]);
        column += cell.colSpan;
      }
    });
    for (const [head, column] of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      const links = (node) => node.nodeType === 1 && (node.matches("a") || node.querySelector("a"));
      button.append(...[...head.childNodes].filter((node) => !links(node))); // links stay links
      head.prepend(button);
      head.dataset.at = `${place}.${column}`;
      const ways = "upwards" in head.dataset ? ["descending", "ascending", null] : ["ascending", "descending", null];
      button.addEventListener("click", () => {
        const way = ways[(ways.indexOf(head.getAttribute("aria-sort")) + 1) % ways.length];
        ask("sort", way && `${head.dataset.at}.${way}`);
        heads.forEach(([other]) => other.removeAttribute("aria-sort"));
        if (way) head.setAttribute("aria-sort", way);
        const found = keys(printed.flat().map((row) => row.cells[column]));
        const key = new Map(printed.flat().map((row, i) => [row, found[i]]));
        const order = (a, b) => compare(key.get(a), key.get(b), way === "descending");
        bodies.forEach((body, i) => body.append(...(way ? [...printed[i]].sort(order) : printed[i])));
      });
    }
  }

  SSMPOSE.sortable = sortable;

  // Sorts as the address says, once everything else stands.
  function sortAsAsked() {
    const [, at, way] = /^(\d+\.\d+)\.(\w+)$/.exec(asked.get("sort") ?? "") ?? [];
    const head = at && document.querySelector(`th[data-at="${at}"]`);
    for (let i = 0; head && i < 2 && head.getAttribute("aria-sort") !== way; i += 1) head.querySelector("button.sort").click();
  }
  addEventListener("load", sortAsAsked);

  // What a reader asked for stays in the address, beside the anchor: a reload or a link shows the same.
  const asked = SSMPOSE.asked = new URLSearchParams(location.search);
  const ask = SSMPOSE.ask = (key, value) => {
    if (value) asked.set(key, value);
    else asked.delete(key);
    const query = asked.size ? `?${asked}` : location.pathname;
    try { history.replaceState(null, "", query + location.hash); } catch { /* a page from a file may not */ }
  };

  function filtering() {
    const text = document.querySelector("[data-filter]");
    if (!text) return;
    const verdict = document.querySelector("[data-verdict]:is(select)");
    const picks = [...document.querySelectorAll("select[data-pick]")]; // by what rows say in data-<pick>
    const within = text.closest("section.card") ?? document; // a filter inside a card is for that card
    const tables = [...within.querySelectorAll("table[data-sortable]:not(.chart ~ details *)")]; // not a chart's own numbers
    const rows = tables.flatMap((table) => [...table.querySelectorAll("tbody tr")]).filter((row) => row.cells.length > 1);
    const cards = within === document ? tables.map((table) => [table, table.closest("section.card")]).filter(([, card]) => card) : [];
    const seen = (table, selector) => [...table.querySelectorAll(`tbody tr:not([hidden]) ${selector}`)].length;
    const apply = () => {
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const says = (row.dataset.text ?? row.textContent).toLowerCase();
        const judged = !verdict?.value || row.querySelector(`td:is([data-verdict="${verdict.value}"], [data-word="${verdict.value}"])`);
        const picked = picks.every((select) => !select.value || row.dataset[select.dataset.pick] === select.value);
        row.hidden = !(judged && picked && words.every((word) => says.includes(word)));
        shown += !row.hidden;
      }
      for (const body of tables.flatMap((table) => [...table.tBodies])) {
        body.hidden = ![...body.rows].some((row) => row.cells.length > 1 && !row.hidden);
      }
      for (const [table, card] of cards) {
        card.hidden = !seen(table, "td");
        const link = document.querySelector(`nav.contents a[href="#${card.id}"]`);
        if (link) link.parentElement.hidden = card.hidden;
        for (const count of card.querySelectorAll("[data-count]")) {
          count.textContent = seen(table, `td[data-word="${count.dataset.count}"]`);
        }
      }
      const filtered = words.length > 0 || Boolean(verdict?.value) || picks.some((select) => select.value);
      for (const element of document.querySelectorAll("[data-intro]")) element.hidden = filtered; // hits come first
      for (const group of document.querySelectorAll("[data-group]")) group.hidden = !group.querySelector("section.card:not([hidden])");
      document.querySelector(".found").textContent = filtered ? `${shown} of ${rows.length} rows` : "";
    };
    text.value = asked.get("rows") ?? "";
    if (verdict) verdict.value = asked.get("verdict") ?? "";
    for (const select of picks) select.value = asked.get(select.dataset.pick) ?? "";
    apply();
    text.addEventListener("input", () => { ask("rows", text.value); apply(); });
    verdict?.addEventListener("change", () => { ask("verdict", verdict.value); apply(); });
    for (const select of picks) select.addEventListener("change", () => { ask(select.dataset.pick, select.value); apply(); });
  }

  // Findings of one paper, of one kind.
  function findings() {
    const choices = ["about", "kind"].map((key) => [key, document.querySelector(`select[data-${key}]`)]);
    if (!choices[0][1]) return;
    const cards = [...document.querySelectorAll("details.finding")];
    const apply = () => {
      for (const card of cards) {
        card.hidden = choices.some(([key, select]) => select.value && !card.dataset[key].split(" ").includes(select.value));
      }
      for (const section of document.querySelectorAll("section:has(> details.finding)")) {
        section.hidden = !section.querySelector("details.finding:not([hidden])");
      }
      const shown = cards.filter((card) => !card.hidden).length;
      document.querySelector(".found").textContent = shown < cards.length ? `${shown} of ${cards.length} findings` : "";
    };
    for (const [key, select] of choices) {
      select.value = asked.get(key) ?? "";
      select.addEventListener("change", () => { ask(key, select.value); apply(); });
    }
    apply();
  }

  function countings() {
    const buttons = [...document.querySelectorAll("[data-convention]:is(button)")];
    const choose = (button) => {
      root.dataset.convention = button.dataset.convention;
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    };
    for (const button of buttons) {
      button.addEventListener("click", () => {
        choose(button);
        ask("counting", button === buttons[0] ? "" : button.dataset.convention);
      });
    }
    const before = buttons.find((button) => button.dataset.convention === asked.get("counting"));
    if (before) choose(before);
  }

  // What scrolls sideways says so: its edge fades until the end is reached.
  function edges() {
    const scrolling = [...document.querySelectorAll(".scroll")];
    const isCut = (element) => element.scrollLeft + element.clientWidth < element.scrollWidth - 2;
    const all = () => scrolling.map(isCut).forEach((is, i) => scrolling[i].toggleAttribute("data-cut", is)); // reads, then writes
    for (const element of scrolling) {
      element.addEventListener("scroll", () => element.toggleAttribute("data-cut", isCut(element)), { passive: true });
    }
    addEventListener("resize", all);
    all();
  }

  // A link to a finding, or to a row of a folded table, opens it.
  function open() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const folded = target.closest("details") ?? target.querySelector(":scope > th details"); // a claim opens as well
    if (folded && !folded.open) folded.open = true;
    target.scrollIntoView({ block: "center" });
  }

  document.addEventListener("DOMContentLoaded", () => {
    theme();
    menus();
    terms();
    search();
    document.querySelectorAll("table[data-sortable]").forEach(sortable);
    filtering();
    findings();
    countings();
    edges();
    open();
    addEventListener("hashchange", open);
    for (const element of document.querySelectorAll("[data-viewer]")) {
      SSMPOSE.mount[element.dataset.viewer]?.(element, SSMPOSE.data[element.dataset.viewer]);
    }
    root.dataset.ready = "true";
  });
})();
