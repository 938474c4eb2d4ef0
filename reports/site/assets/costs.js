// Shows the network that the address asks for: costs.html#net=posemamba-s; &rule=paper marks a convention, &of=params chooses columns.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const panel = document.querySelector("[data-panel]");
  if (!panel) return;
  const select = document.querySelector("select[data-net]");
  const unknown = document.querySelector("[data-unknown]");
  const pivot = document.querySelector("table.pivot");
  const rows = [...pivot.querySelectorAll("tr[data-net]")];
  const columns = [...document.querySelectorAll("button[data-of]")];
  const asked = () => new URLSearchParams(location.hash.slice(1));

  function choose(of) {
    const pressed = columns.find((button) => button.dataset.of === of) ?? columns[0];
    pivot.dataset.of = pressed.dataset.of;
    columns.forEach((button) => button.setAttribute("aria-pressed", String(button === pressed)));
  }

  function open(name, rule) {
    const template = document.getElementById(`net-${name}`);
    unknown.hidden = Boolean(template);
    unknown.textContent = template ? "" : `No network ${name} was counted here.`;
    if (!template) return;
    panel.replaceChildren(template.content.cloneNode(true));
    select.value = name;
    for (const row of rows) row.classList.toggle("chosen", row.dataset.net === name);
    for (const row of panel.querySelectorAll("tr[data-rule]")) {
      if (row.dataset.rule === rule) row.setAttribute("aria-current", "true");
    }
  }

  function show() {
    choose(asked().get("of") ?? pivot.dataset.of);
    if (!asked().has("net")) return;
    open(asked().get("net"), asked().get("rule"));
    document.getElementById("network").scrollIntoView();
  }

  function ask(key, value) { // the address keeps what was chosen, and a link to it shows the same
    const next = asked();
    next.delete("rule");
    next.set(key, value);
    return `#${next}`;
  }

  select.addEventListener("change", () => { location.hash = ask("net", select.value); });
  for (const button of columns) {
    button.addEventListener("click", () => {
      history.replaceState(null, "", ask("of", button.dataset.of));
      choose(button.dataset.of);
    });
  }
  addEventListener("hashchange", show);
  show();
});
