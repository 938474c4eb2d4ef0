// Controls that the views share: choices, a scrubber, play and pause, speed, and a line that says what is shown.
"use strict";
SSMPOSE.player = (element, { choices, frames, rate, draw, says }) => {
  const controls = element.appendChild(document.createElement("div"));
  controls.className = "controls";
  const add = (tag, attributes = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), attributes);
    made.append(...children);
    return made;
  };
  const selects = Object.entries(choices).map(([name, options]) => {
    const select = add("select", { name, ariaLabel: name });
    controls.append(add("label", {}, `${name} `, select));
    const fill = () => select.replaceChildren(...options(state).map((text, i) => add("option", { value: i, textContent: text })));
    return { name, select, fill };
  });
  const state = { frame: 0, playing: false, speed: 1 };
  const play = add("button", { type: "button", textContent: "Play" });
  const back = add("button", { type: "button", textContent: "‹", ariaLabel: "Step back" });
  const on = add("button", { type: "button", textContent: "›", ariaLabel: "Step forward" });
  const slider = add("input", { type: "range", min: 0, value: 0, ariaLabel: "Position" });
  const speed = add("select", { ariaLabel: "Speed" }, ...[0.25, 0.5, 1, 2, 4].map((v) => add("option", { value: v, textContent: `${v}×`, selected: v === 1 })));
  controls.append(play, back, on, slider, speed);
  const line = add("p", { className: "says" });
  line.setAttribute("aria-live", "polite");
  const stage = element.appendChild(add("div", { className: "stage" }));
  element.append(line);

  function show() {
    slider.value = state.frame;
    draw(state, stage);
    line.textContent = says(state);
  }
  function go(frame) {
    const count = frames(state);
    state.frame = ((frame % count) + count) % count;
    show();
  }
  function chosen(from) {
    selects.forEach(({ name, select, fill }, i) => {
      if (i > from) fill();
      state[name] = Number(select.value || 0);
    });
    slider.max = frames(state) - 1;
    state.frame = Math.min(state.frame, frames(state) - 1);
    if (from < selects.length && from >= 0) state.frame = 0;
    show();
  }
  let last = 0;
  function tick(now) {
    if (!state.playing) return;
    if (now - last >= 1000 / (rate * state.speed)) {
      last = now;
      go(state.frame + 1);
    }
    requestAnimationFrame(tick);
  }
  function playing(value) {
    state.playing = value;
    play.textContent = value ? "Pause" : "Play";
    line.setAttribute("aria-live", value ? "off" : "polite"); // moving pictures are not read out step by step
    if (value) requestAnimationFrame(tick);
    else show();
  }
  play.addEventListener("click", () => playing(!state.playing));
  back.addEventListener("click", () => { playing(false); go(state.frame - 1); });
  on.addEventListener("click", () => { playing(false); go(state.frame + 1); });
  slider.addEventListener("input", () => { playing(false); go(Number(slider.value)); });
  speed.addEventListener("change", () => { state.speed = Number(speed.value); });
  selects.forEach(({ select }, i) => select.addEventListener("change", () => chosen(i)));
  document.addEventListener("themechange", show);
  chosen(-1);
  return state;
};
