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

  // "3.587 G" -> 3.587e9; text without a number sorts last.
  const UNITS = { k: 1e3, M: 1e6, G: 1e9 };
  function value(cell) {
    const text = (cell.dataset.sort ?? cell.textContent).trim().replace("−", "-").replaceAll(",", "");
    const found = /^([+-]?\d*\.?\d+(?:e[+-]?\d+)?)\s*([kMG])?/i.exec(text);
    return found ? Number(found[1]) * (UNITS[found[2]] ?? 1) : text || null;
  }
  function compare(a, b) {
    if (typeof a === typeof b && a !== null) return typeof a === "number" ? a - b : a.localeCompare(b);
    return (a === null) - (b === null) || (typeof a === "string") - (typeof b === "string");
  }

  // Heads that stand above exactly one column of cells get a button; sections stay together.
  function sortable(table) {
    const heads = [];
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
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach(([other]) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        for (const body of table.tBodies) {
          const section = [...body.rows].filter((row) => row.cells.length === 1);
          const own = [...body.rows].filter((row) => row.cells.length > 1);
          const keyed = own.map((row) => [value(row.cells[column]), row]);
          keyed.sort(([a], [b]) => (a === null || b === null ? compare(a, b) : compare(a, b) * (down ? -1 : 1)));
          body.append(...section, ...keyed.map(([, row]) => row));
        }
      });
    }
  }

  function filtering() {
    const text = document.querySelector("[data-filter]");
    if (!text) return;
    const verdict = document.querySelector("[data-verdict]:is(select)");
    const tables = [...document.querySelectorAll("table[data-sortable]:not(.chart ~ details *)")]; // not a chart's own numbers
    const rows = tables.flatMap((table) => [...table.querySelectorAll("tbody tr")]).filter((row) => row.cells.length > 1);
    const apply = () => {
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const says = (row.dataset.text ?? row.textContent).toLowerCase();
        const judged = !verdict?.value || row.querySelector(`td[data-verdict="${verdict.value}"]`);
        row.hidden = !(judged && words.every((word) => says.includes(word)));
        shown += !row.hidden;
      }
      for (const body of tables.flatMap((table) => [...table.tBodies])) {
        body.hidden = ![...body.rows].some((row) => row.cells.length > 1 && !row.hidden);
      }
      const filtered = words.length || verdict?.value;
      document.querySelector(".found").textContent = filtered ? `${shown} of ${rows.length} rows` : "";
    };
    text.addEventListener("input", apply);
    verdict?.addEventListener("change", apply);
  }

  function countings() {
    const buttons = [...document.querySelectorAll("[data-convention]:is(button)")];
    for (const button of buttons) {
      button.addEventListener("click", () => {
        root.dataset.convention = button.dataset.convention;
        buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      });
    }
  }

  // A link to a finding opens it.
  function open() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.tagName === "DETAILS") target.open = true;
  }

  document.addEventListener("DOMContentLoaded", () => {
    theme();
    document.querySelectorAll("table[data-sortable]").forEach(sortable);
    filtering();
    countings();
    open();
    addEventListener("hashchange", open);
    for (const element of document.querySelectorAll("[data-viewer]")) {
      SSMPOSE.mount[element.dataset.viewer]?.(element, SSMPOSE.data[element.dataset.viewer]);
    }
    root.dataset.ready = "true";
  });
})();
