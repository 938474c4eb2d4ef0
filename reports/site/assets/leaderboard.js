// Leaderboards: ranks by any column, differences from any network, two networks side by side. All of it stays in the address.
"use strict";
(() => {
  const create = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const signed = (value, decimals) => (value > 0 ? "+" : "") + value.toFixed(decimals).replace("-", "−");

  function board(section) {
    const data = JSON.parse(section.querySelector("[data-board-data]").textContent);
    const name = section.dataset.board.toLowerCase();
    const column = Object.fromEntries(data.columns.map((one) => [one.id, one]));
    const rows = [...section.querySelectorAll("tr[data-row]")];
    const control = (key) => section.querySelector(`[data-${key}]`);
    const [metric, cost, reference, find] = ["metric", "cost", "reference", "find"].map(control);
    const families = [...section.querySelectorAll("[data-family]")];

    // First less second in a column: [difference, low, high, id of the better or ""], null where nothing is known.
    function duel(first, second, id) {
      const there = data.duels[id]?.[`${first}|${second}`];
      if (there) return there;
      const back = data.duels[id]?.[`${second}|${first}`];
      return back ? [-back[0], back[2] === null ? null : -back[2], back[1] === null ? null : -back[1], back[3]] : null;
    }
    function told(found, first, id) {
      if (!found) return ["–", ""];
      const [difference, low, high, better] = found;
      const { decimals } = column[id];
      const sign = better ? (better === first ? "▲" : "▼") : "≈";
      const words = better ? (better === first ? "better" : "worse") : "within noise";
      const interval = low === null ? "one seed" : `${signed(low, decimals)} to ${signed(high, decimals)}`;
      return [`${sign} ${signed(difference, decimals)}`, interval, words];
    }

    function ranks() {
      const id = metric.value;
      section.querySelector("[data-rank-head] small").textContent = `by ${column[id].label}`;
      section.querySelector("[data-versus-head] small").textContent = `${column[id].label}, ${column[id].unit}, 95 % interval`;
      for (const row of rows) {
        const own = row.dataset.row;
        const value = data.rows[own].values[id];
        const cell = row.querySelector("[data-rank]");
        if (!row.classList.contains("unlearned")) cell.textContent = value?.[3] || "–";
        cell.dataset.sort = value?.[3]?.split("–")[0] ?? "";
        const versus = row.querySelector("[data-versus]");
        const [text, interval, words] = own === reference.value ? ["reference", ""] : told(duel(own, reference.value, id), own, id);
        versus.replaceChildren(text, create("small", { textContent: interval }));
        versus.title = words ?? "";
        versus.dataset.sort = own === reference.value ? 0 : duel(own, reference.value, id)?.[0] ?? "";
        row.classList.toggle("reference", own === reference.value);
      }
      for (const figure of section.querySelectorAll("[data-picture]")) {
        figure.hidden = figure.dataset.picture !== `${cost.value} ${id}`;
      }
      for (const dot of section.querySelectorAll(".dot")) dot.classList.toggle("reference", dot.dataset.row === reference.value);
    }

    function filter() {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      const shown = families.filter((button) => button.getAttribute("aria-pressed") === "true").map((button) => button.dataset.family);
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !shown.includes(row.dataset.section) || !words.every((word) => text.includes(word));
        if (row.below) row.below.hidden = row.hidden;
      }
      const left = rows.filter((row) => !row.hidden).length;
      section.querySelector(".found").textContent = left < rows.length ? `${left} of ${rows.length} networks` : "";
      for (const dot of section.querySelectorAll(".dot")) {
        dot.toggleAttribute("hidden", rows.find((row) => row.dataset.row === dot.dataset.row)?.hidden ?? false);
      }
    }

    // A training's validation score by step, drawn small.
    function curve(points) {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const [width, height] = [320, 120];
      const [steps, scores] = [points.map((p) => p[0]), points.map((p) => p[1])];
      const [least, most] = [Math.min(...scores), Math.max(...scores)];
      const place = ([step, score]) => `${((step / Math.max(...steps)) * width).toFixed(1)} ${(5 + ((most - score) / (most - least || 1)) * (height - 10)).toFixed(1)}`;
      const [first, last] = [points[0], points.at(-1)];
      const says = `from ${first[1].toFixed(1)} after ${first[0].toLocaleString("en")} steps to ${last[1].toFixed(1)} after ${last[0].toLocaleString("en")}`;
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.setAttribute("class", "curve");
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", `validation score ${says}`);
      const line = document.createElementNS(svg.namespaceURI, "path");
      line.setAttribute("d", `M${points.map(place).join("L")}`);
      svg.append(line);
      return create("figure", {}, create("figcaption", { textContent: `Learning curve: validation score ${says}` }), svg);
    }
    const whole = (value) => (value ? `${value[1]}${value[2] ? ` ± ${value[2]}` : ""}` : "–");
    function costs(id) {
      const parts = data.columns.filter((one) => one.cost).map((one) => `${one.label} ${whole(data.rows[id].values[one.id])} ${one.unit}`);
      return create("p", { textContent: `Costs at full size: ${parts.join(", ")}.` });
    }
    function details(id) {
      const own = data.rows[id];
      const sides = create("div", { className: "sides" });
      if (own.curve.length) sides.append(curve(own.curve));
      if (Object.keys(own.groups).length) sides.append(bars(Object.keys(own.groups), [id]));
      return [sides, costs(id), create("p", {}, "Train it again: ", create("code", { textContent: own.command })), copies(id)];
    }
    const unfolded = () => rows.filter((row) => row.querySelector("[data-open]").getAttribute("aria-expanded") === "true");
    function open(row, wanted) {
      const button = row.querySelector("[data-open]");
      button.setAttribute("aria-expanded", String(wanted));
      row.below?.remove();
      row.below = null;
      if (!wanted) return;
      const cell = create("td", { colSpan: row.cells.length }, create("div", { className: "drawer" }, ...details(row.dataset.row)));
      row.below = create("tr", { className: "below", hidden: row.hidden }, cell);
      row.after(row.below);
    }
    // Rows stand as they are ranked by the chosen column: those that learned, the best first, what is missing last.
    function arrange() {
      const { upwards } = column[metric.value];
      const key = (row) => {
        const value = data.rows[row.dataset.row].values[metric.value]?.[0];
        return [row.classList.contains("unlearned"), value === undefined, (upwards ? -1 : 1) * (value ?? 0)];
      };
      const sorted = rows.map((row) => [key(row), row]).sort(([a], [b]) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
      for (const head of section.querySelectorAll("th[aria-sort]")) head.removeAttribute("aria-sort");
      rows[0].parentElement.append(...sorted.flatMap(([, row]) => (row.below ? [row, row.below] : [row])));
    }

    const ticked = () => rows.filter((row) => row.querySelector("[data-compare]").checked).map((row) => row.dataset.row);
    function bars(names, ids) {
      const most = Math.max(...ids.flatMap((id) => Object.values(data.rows[id].groups)));
      const list = create("table", { className: "bars groups" });
      list.append(create("caption", { textContent: `${data.columns.find((one) => !one.cost).label} by action` }));
      const body = list.appendChild(create("tbody"));
      for (const name of names) {
        const row = body.appendChild(create("tr"));
        row.append(create("th", { scope: "row", textContent: name }));
        ids.forEach((id, i) => {
          const value = data.rows[id].groups[name];
          const bar = create("span", { className: `bar-${i}` });
          bar.style.width = `${(70 * (value ?? 0)) / most}%`;
          row.append(create("td", { className: "draw" }, bar, value === undefined ? "–" : value.toFixed(1)));
        });
      }
      return list;
    }
    function copies(id) {
      const row = data.rows[id];
      const list = create("p", { className: "files" });
      for (const [what, text] of [["Markdown", `${data.head.markdown}\n${row.markdown}`], ["LaTeX", `${data.head.latex}\n${row.latex}`]]) {
        const button = create("button", { type: "button", textContent: `Copy as ${what}` });
        button.addEventListener("click", async () => {
          try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; } catch { button.replaceWith(create("code", { textContent: text })); }
        });
        list.append(button);
      }
      if (row.page) list.append(create("a", { href: row.page, textContent: "Runs, curves and every number" }));
      if (row.variant) list.append(create("a", { href: `costs.html#net=${row.variant}`, textContent: "Where its costs are" }));
      return list;
    }
    function drawer() {
      const ids = ticked();
      for (const row of rows) row.querySelector("[data-compare]").disabled = ids.length === 2 && !ids.includes(row.dataset.row);
      const place = section.querySelector("[data-drawer]");
      place.hidden = ids.length !== 2;
      if (place.hidden) return;
      const table = create("table");
      const head = table.createTHead().insertRow();
      const heads = ["", ...ids.map((id) => data.rows[id].label), "First less second"];
      head.append(...heads.map((text) => create("th", { scope: "col", textContent: text })));
      const body = table.createTBody();
      for (const one of data.columns) {
        const row = body.insertRow();
        row.append(create("th", { scope: "row", textContent: `${one.label}, ${one.unit}` }));
        const values = ids.map((id) => data.rows[id].values[one.id]);
        for (const value of values) row.append(create("td", { textContent: whole(value) }));
        const [text, interval, words] = told(duel(ids[0], ids[1], one.id), ids[0], one.id);
        const times = values[0] && values[1] ? `×${(values[0][0] / values[1][0]).toPrecision(3)}` : "–";
        const last = one.cost ? times : [text, interval && `(${interval})`, words].filter(Boolean).join(" ");
        row.append(create("td", { textContent: last }));
      }
      const title = ids.map((id) => data.rows[id].label).join(" and ");
      const names = [...new Set(ids.flatMap((id) => Object.keys(data.rows[id].groups)))];
      place.replaceChildren(create("h3", { textContent: title }), create("div", { className: "scroll" }, table));
      if (names.length) place.append(bars(names, ids));
    }

    // The state of the board in the address: only what differs from how it opens.
    const opened = { metric: metric.value, cost: cost.value, ref: reference.value };
    function save() {
      const off = families.filter((button) => button.getAttribute("aria-pressed") !== "true").map((button) => button.dataset.family);
      const state = { metric: metric.value, cost: cost.value, ref: reference.value, find: find.value, without: off.join("~"), two: ticked().join("~"), open: unfolded().map((row) => row.dataset.row).join("~") };
      for (const [key, value] of Object.entries(state)) SSMPOSE.ask(`${name}.${key}`, value === opened[key] ? "" : value);
    }
    function restore() {
      const asked = (key) => SSMPOSE.asked.get(`${name}.${key}`);
      for (const [select, key] of [[metric, "metric"], [cost, "cost"], [reference, "ref"]]) {
        if ([...select.options].some((option) => option.value === asked(key))) select.value = asked(key);
      }
      find.value = asked("find") ?? "";
      const off = asked("without")?.split("~") ?? [];
      for (const button of families) button.setAttribute("aria-pressed", String(!off.includes(button.dataset.family)));
      const two = (asked("two") ?? "").split("~").slice(0, 2);
      const opened = (asked("open") ?? "").split("~");
      for (const row of rows) {
        row.querySelector("[data-compare]").checked = two.includes(row.dataset.row);
        open(row, opened.includes(row.dataset.row));
      }
      if (metric.value !== data.columns.find((one) => !one.cost).id) arrange();
    }
    const refresh = () => { ranks(); filter(); drawer(); };
    const changed = () => { refresh(); save(); };
    for (const select of [cost, reference]) select.addEventListener("change", changed);
    metric.addEventListener("change", () => { SSMPOSE.ask("sort", ""); arrange(); changed(); });
    for (const row of rows) {
      row.querySelector("[data-open]").addEventListener("click", () => { open(row, !row.below); save(); });
    }
    section.querySelector("thead").addEventListener("click", () => { // after a column has sorted the rows
      if (section.querySelector("th[aria-sort]")) rows.forEach((row) => row.below && row.after(row.below));
      else arrange();
    });
    find.addEventListener("input", changed);
    for (const button of families) {
      button.addEventListener("click", () => { button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true")); changed(); });
    }
    for (const row of rows) row.querySelector("[data-compare]").addEventListener("change", changed);
    for (const dot of section.querySelectorAll(".dot")) {
      dot.addEventListener("click", () => { reference.value = dot.dataset.row; changed(); });
      dot.addEventListener("pointerenter", () => rows.forEach((row) => row.classList.toggle("pointed", row.dataset.row === dot.dataset.row)));
      dot.addEventListener("pointerleave", () => rows.forEach((row) => row.classList.remove("pointed")));
    }
    restore();
    refresh();
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-board]").forEach(board));
})();
