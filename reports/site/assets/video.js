// The video player: a person's frames, the heatmaps of a network over them, true and predicted joints.
"use strict";
SSMPOSE.mount.video = (element, data) => {
  const [rows, columns] = data.size, joints = data.joints.length;
  const images = data.clips.map((clip) => clip.frames.map((file) => Object.assign(new Image(), { src: `data/video/${file}` })));
  const cache = new Map(); // heatmaps of the networks that were looked at
  const heatmaps = (network, clip) => {
    const key = `${network} ${clip}`;
    if (!cache.has(key)) cache.set(key, Uint8Array.from(atob(data.networks[network].clips[clip].heatmaps), (c) => c.charCodeAt(0)));
    return cache.get(key);
  };
  const small = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
  let canvas = null;

  // Warm where the network sees the joint; of all joints, the highest.
  function heat(state) {
    const all = heatmaps(state.network, state.clip), size = rows * columns, start = state.frame * joints * size;
    const picture = new ImageData(columns, rows);
    for (let i = 0; i < size; i += 1) {
      let height = 0;
      if (state.joint) height = all[start + (state.joint - 1) * size + i];
      else for (let j = 0; j < joints; j += 1) height = Math.max(height, all[start + j * size + i]);
      picture.data.set([255, 255 - height * 0.55, 40, Math.min(230, height * 1.3)], 4 * i);
    }
    small.getContext("2d").putImageData(picture, 0, 0);
    return small;
  }
  function skeleton(pen, points, colour, only) {
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = 1.3;
    const there = (j) => points[j].length < 3 || points[j][2];
    if (only === null) {
      for (const [a, b] of data.bones.filter(([a, b]) => there(a) && there(b))) {
        pen.beginPath();
        pen.moveTo(...points[a].slice(0, 2));
        pen.lineTo(...points[b].slice(0, 2));
        pen.stroke();
      }
    }
    points.forEach((point, j) => {
      if ((only !== null && j !== only) || !there(j)) return;
      pen.beginPath();
      pen.arc(point[0], point[1], only === null ? 1.5 : 2.6, 0, 7);
      pen.fill();
    });
  }
  function paint(state, stage) {
    const image = images[state.clip][state.frame], clip = data.clips[state.clip];
    if (!image.complete) { image.onload = () => paint(state, stage); return; }
    if (!canvas) canvas = stage.appendChild(Object.assign(document.createElement("canvas"), { className: "film" }));
    const scale = 3, [x, y, width, height] = clip.box[state.frame], only = state.joint ? state.joint - 1 : null;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Frame ${state.frame + 1} of the clip ${clip.name}, heatmaps of ${data.networks[state.network].label}`);
    Object.assign(canvas, { width: image.naturalWidth * scale, height: image.naturalHeight * scale });
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.drawImage(image, 0, 0);
    pen.drawImage(heat(state), x, y, width, height);
    pen.strokeStyle = "rgba(255, 255, 255, .7)";
    pen.strokeRect(x, y, width, height);
    skeleton(pen, clip.joints[state.frame], "#e5e7eb", only);
    skeleton(pen, data.networks[state.network].clips[state.clip].joints[state.frame], "#38bdf8", only);
  }
  const far = (state, j) => {
    const [x, y, there] = data.clips[state.clip].joints[state.frame][j], [u, v] = data.networks[state.network].clips[state.clip].joints[state.frame][j];
    return there ? Math.hypot(u - x, v - y) : null;
  };

  SSMPOSE.player(element, {
    choices: {
      network: () => data.networks.map((network) => network.label),
      clip: (state) => data.clips.map((clip, i) => `a person ${clip.name} (${data.networks[state.network ?? 0].clips[i].error} pixels off)`),
      joint: () => ["all joints", ...data.joints],
    },
    frames: (state) => data.clips[state.clip].frames.length,
    rate: 8,
    draw: paint,
    says: (state) => {
      const found = data.joints.map((_, j) => far(state, j)), seen = found.filter((value) => value !== null);
      const at = `Frame ${state.frame + 1} of ${data.clips[state.clip].frames.length}`;
      if (state.joint) {
        const value = found[state.joint - 1];
        return `${at}: the ${data.joints[state.joint - 1]} is ${value === null ? "not annotated here" : `${value.toFixed(1)} pixels off`}.`;
      }
      if (!seen.length) return `${at}: not annotated; the box is interpolated.`;
      const worst = found.indexOf(Math.max(...seen));
      return `${at}: joints are ${(seen.reduce((a, b) => a + b, 0) / seen.length).toFixed(1)} pixels off on average, at most ${found[worst].toFixed(1)} (${data.joints[worst]}).`;
    },
  });
};
