// The skeleton player: true and predicted poses in three dimensions, with the error of each joint.
"use strict";
SSMPOSE.mount.poses = (element, data) => {
  const FRAME = 17 * 3;
  const unpack = (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new Int16Array(bytes.buffer);
  };
  const truth = data.clips.map((clip) => unpack(clip.truth));
  const cache = new Map(); // poses of the runs that were looked at
  const poses = (run, clip) => {
    const key = `${run} ${clip}`;
    if (!cache.has(key)) cache.set(key, unpack(data.runs[run].poses[clip]));
    return cache.get(key);
  };
  const joint = (all, frame, j) => [0, 1, 2].map((k) => all[frame * FRAME + j * 3 + k]);
  // The camera looks along z; on the page, up is up and depth runs away.
  const turned = ([x, y, z]) => [x, z, -y];

  function lines(all, frame) {
    const found = { x: [], y: [], z: [] };
    for (const [a, b] of data.bones) {
      for (const point of [joint(all, frame, a), joint(all, frame, b)]) turned(point).forEach((v, i) => found["xyz"[i]].push(v));
      for (const key of "xyz") found[key].push(null);
    }
    return found;
  }
  const errors = (state) => data.joints.map((_, j) => {
    const a = joint(truth[state.clip], state.frame, j), b = joint(poses(state.run, state.clip), state.frame, j);
    return Math.hypot(...a.map((v, k) => v - b[k]));
  });
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

  let plot = null, list = null, gl = true, drawn = "";
  const link = document.createElement("a");
  function build(stage) {
    const split = stage.appendChild(Object.assign(document.createElement("div"), { className: "split" }));
    plot = split.appendChild(Object.assign(document.createElement("div"), { className: "chart" }));
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", "True and predicted skeleton");
    const side = split.appendChild(document.createElement("div"));
    const turns = side.appendChild(Object.assign(document.createElement("div"), { className: "segments" }));
    turns.setAttribute("role", "group");
    turns.setAttribute("aria-label", "Turn the view");
    for (const [text, label, angle] of [["⟲", "Turn left", 0.35], ["⟳", "Turn right", -0.35]]) {
      const button = turns.appendChild(Object.assign(document.createElement("button"), { type: "button", textContent: text, ariaLabel: label }));
      button.addEventListener("click", () => turn(angle));
    }
    list = side.appendChild(Object.assign(document.createElement("ul"), { className: "joints" }));
    list.setAttribute("aria-label", "Error of each joint in this frame");
    const probe = document.createElement("canvas");
    gl = Boolean(probe.getContext("webgl2") ?? probe.getContext("webgl"));
    if (!gl) plot.textContent = "This browser offers no WebGL, which the 3D view needs; the errors of the joints stand beside it.";
  }
  let camera = { x: 0.5, y: -1.9, z: 0.35 };
  function turn(angle) {
    const eye = plot.layout?.scene?.camera?.eye ?? camera;
    camera = { x: eye.x * Math.cos(angle) - eye.y * Math.sin(angle), y: eye.x * Math.sin(angle) + eye.y * Math.cos(angle), z: eye.z };
    if (plot.layout) Plotly.relayout(plot, { "scene.camera.eye": camera });
  }
  function skeletons(state) {
    const found = errors(state), all = poses(state.run, state.clip);
    const points = data.joints.map((_, j) => turned(joint(all, state.frame, j)));
    const line = (colour, width) => ({ color: colour, width });
    const common = { type: "scatter3d", hoverinfo: "skip" };
    return [
      { ...common, mode: "lines", name: "truth", ...lines(truth[state.clip], state.frame), line: line(SSMPOSE.colour("soft"), 9) },
      { ...common, mode: "lines", name: "prediction", ...lines(all, state.frame), line: line(SSMPOSE.colour("a"), 5) },
      {
        type: "scatter3d", mode: "markers", name: "joints", x: points.map((p) => p[0]), y: points.map((p) => p[1]), z: points.map((p) => p[2]),
        text: data.joints.map((name, j) => `${name}: ${found[j].toFixed(0)} mm`), hoverinfo: "text", showlegend: false,
        marker: { size: 5, color: found, cmin: 0, cmax: 300, colorscale: [[0, SSMPOSE.colour("a")], [1, SSMPOSE.colour("b")]] },
      },
    ];
  }
  function bars(state) {
    const found = errors(state), most = Math.max(300, ...found);
    list.replaceChildren(...data.joints.map((name, j) => {
      const item = document.createElement("li"), track = document.createElement("span"), bar = document.createElement("i"), value = document.createElement("b");
      track.className = "track";
      bar.style.width = `${(100 * found[j]) / most}%`;
      value.textContent = `${found[j].toFixed(0)} mm`;
      track.append(bar);
      item.append(name, track, value);
      return item;
    }));
  }
  function range(all) { // one cube for the whole clip, so that nothing jumps
    let most = 0;
    for (const value of all) most = Math.max(most, Math.abs(value));
    return [-most, most];
  }

  let loading = null;
  function view(state) {
    const scene = `${state.run} ${state.clip} ${SSMPOSE.dark()}`;
    const traces = skeletons(state);
    if (scene === drawn) {
      const keys = ["x", "y", "z"];
      const update = Object.fromEntries(keys.map((key) => [key, traces.map((trace) => trace[key])]));
      Plotly.restyle(plot, { ...update, "marker.color": [[], [], traces[2].marker.color], text: ["", "", traces[2].text] });
      return;
    }
    drawn = scene;
    const axis = { range: range(truth[state.clip]), showticklabels: false, title: { text: "" }, gridcolor: SSMPOSE.colour("line"), zeroline: false, showbackground: false };
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)", font: { color: SSMPOSE.colour("ink") }, margin: { l: 0, r: 0, t: 0, b: 0 }, legend: { x: 0, y: 1 },
      scene: { xaxis: axis, yaxis: axis, zaxis: axis, aspectmode: "cube", camera: { eye: camera } }, uirevision: "keep", modebar: SSMPOSE.modebar(),
    };
    Plotly.react(plot, traces, layout, SSMPOSE.chartConfig);
  }

  SSMPOSE.player(element, {
    choices: {
      run: () => data.runs.map((run) => run.label),
      clip: (state) => data.clips.map((clip, i) => `${clip.name}: ${clip.action} (${data.runs[state.run ?? 0].error[i]} mm)`),
    },
    frames: (state) => data.clips[state.clip].frames,
    rate: 25,
    draw: (state, stage) => {
      if (!plot) build(stage);
      bars(state);
      link.href = data.runs[state.run].page;
      link.textContent = `About ${data.runs[state.run].label}`;
      if (!gl) return;
      if (window.Plotly) view(state);
      else loading ??= SSMPOSE.plotly().then(() => view(state)); // the player's one state, as it is by then
    },
    says: (state) => {
      const found = errors(state), worst = found.indexOf(Math.max(...found));
      return `Frame ${state.frame + 1} of ${data.clips[state.clip].frames}, ${data.runs[state.run].label}: ${mean(found).toFixed(1)} mm on average, worst at the ${data.joints[worst]} with ${found[worst].toFixed(0)} mm.`;
    },
  });
  element.appendChild(document.createElement("p")).append(link);
};
