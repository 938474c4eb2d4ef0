// The scan-order explorer: the path of a direction, step by step, over skeletons or over cells of frames.
"use strict";
SSMPOSE.mount.orders = (element, data) => {
  const NS = "http://www.w3.org/2000/svg";
  const TRAIL = 14;
  const svg = (tag, attributes, parent) => {
    const made = document.createElementNS(NS, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent?.append(made);
    return made;
  };

  // Where each token of a mode's grid lies, and what stands behind it.
  function poses([frames, joints]) {
    const width = 150, height = 248, places = [];
    for (let t = 0; t < frames; t += 1) {
      for (let j = 0; j < joints; j += 1) {
        const [x, y] = data.standing[j];
        places.push([t * width + 75 + 34 * x, 134 - 34 * y]);
      }
    }
    return { places, width: frames * width, height, radius: 7 };
  }
  function cells([frames, rows, columns]) {
    const size = 24, gap = 34, places = [];
    for (let t = 0; t < frames; t += 1) {
      for (let r = 0; r < rows; r += 1) {
        for (let c = 0; c < columns; c += 1) places.push([t * (columns * size + gap) + (c + 0.5) * size + 4, 24 + (r + 0.5) * size]);
      }
    }
    return { places, width: frames * (columns * size + gap) - gap + 8, height: rows * size + 32, radius: 8, size };
  }

  function background(group, mode, grid) {
    const [frames, ...inner] = mode.grid;
    const tokens = inner.reduce((a, b) => a * b);
    for (let t = 0; t < frames; t += 1) {
      const at = (i) => grid.places[t * tokens + i];
      const label = svg("text", { x: at(0)[0] - (mode.kind === "video" ? 12 : 0), y: 14, "font-size": 12, fill: SSMPOSE.colour("soft") }, group);
      label.textContent = `frame ${t}`;
      if (mode.kind === "poses") {
        label.setAttribute("text-anchor", "middle");
        for (const [a, b] of data.bones) {
          svg("line", { x1: at(a)[0], y1: at(a)[1], x2: at(b)[0], y2: at(b)[1], stroke: SSMPOSE.colour("line"), "stroke-width": 7, "stroke-linecap": "round" }, group);
        }
      }
      for (let i = 0; i < tokens; i += 1) {
        const [x, y] = at(i);
        if (mode.kind === "video") svg("rect", { x: x - 11, y: y - 11, width: 22, height: 22, rx: 3, fill: SSMPOSE.colour("stripe"), stroke: SSMPOSE.colour("line") }, group);
        else svg("circle", { cx: x, cy: y, r: 5, fill: SSMPOSE.colour("card"), stroke: SSMPOSE.colour("soft") }, group);
      }
      if (mode.windowed) {
        const [rows, columns] = data.window, [height, width] = inner;
        for (let r = 0; r < height; r += rows) {
          for (let c = 0; c < width; c += columns) {
            const [x, y] = at(r * width + c);
            svg("rect", { x: x - 12, y: y - 12, width: 24 * Math.min(columns, width - c), height: 24 * Math.min(rows, height - r), fill: "none", stroke: SSMPOSE.colour("soft"), "stroke-width": 1.5 }, group);
          }
        }
      }
    }
  }

  function path(group, direction, mode, grid, step) {
    const accent = SSMPOSE.colour("a"), warm = SSMPOSE.colour("b");
    const place = (l) => grid.places[direction.order[l]];
    for (let l = 0; l <= step; l += 1) {
      const [x, y] = place(l);
      svg("circle", { cx: x, cy: y, r: 5, fill: accent, opacity: l > step - TRAIL ? 0.35 + (0.65 * (TRAIL - step + l)) / TRAIL : 0.18 }, group);
      if (l > Math.max(0, step - TRAIL)) {
        const [px, py] = place(l - 1);
        svg("line", { x1: px, y1: py, x2: x, y2: y, stroke: accent, "stroke-width": 2.5, opacity: 0.3 + (0.7 * (TRAIL - step + l)) / TRAIL }, group);
      }
    }
    const [x, y] = place(step);
    if (direction.adds) {
      const joints = mode.grid[1], joint = direction.order[step] % joints, frame = direction.order[step] - joint;
      for (const near of direction.adds[joint]) {
        const [nx, ny] = grid.places[frame + near];
        svg("line", { x1: nx, y1: ny, x2: x, y2: y, stroke: warm, "stroke-width": 2.5, "stroke-dasharray": "4 4" }, group);
        svg("circle", { cx: nx, cy: ny, r: grid.radius + (near === joint ? 5 : 1), fill: near === joint ? "none" : warm, stroke: warm, "stroke-width": 2 }, group);
      }
    }
    svg("circle", { cx: x, cy: y, r: grid.radius, fill: accent, stroke: SSMPOSE.colour("ink"), "stroke-width": 2, class: "here" }, group);
  }

  const named = (mode, token) => {
    const inner = mode.grid.slice(1).reduce((a, b) => a * b), frame = Math.floor(token / inner), rest = token % inner;
    return mode.kind === "poses" ? `${data.joints[rest]} of frame ${frame}` : `row ${Math.floor(rest / mode.grid[2])}, column ${rest % mode.grid[2]} of frame ${frame}`;
  };
  const direction = (state) => data.modes[state.network].directions[state.direction];

  SSMPOSE.player(element, {
    choices: {
      network: () => data.modes.map((mode) => mode.name),
      direction: (state) => data.modes[state.network ?? 0].directions.map((d) => d.name),
    },
    frames: (state) => direction(state).order.length,
    rate: 8,
    draw: (state, stage) => {
      const mode = data.modes[state.network];
      const grid = mode.kind === "poses" ? poses(mode.grid) : cells(mode.grid);
      const drawing = svg("svg", { viewBox: `0 0 ${grid.width} ${grid.height}`, role: "img", "aria-label": `${mode.name}: ${direction(state).name}` });
      background(svg("g", {}, drawing), mode, grid);
      path(svg("g", {}, drawing), direction(state), mode, grid, state.frame);
      stage.replaceChildren(drawing);
    },
    says: (state) => {
      const mode = data.modes[state.network], { order, adds } = direction(state), token = order[state.frame];
      const near = adds ? adds[token % mode.grid[1]].map((j) => data.joints[j]) : [];
      const added = near.length ? `, with the feature of ${near.join(" and ")} added` : "";
      return `Step ${state.frame + 1} of ${order.length}: reads ${named(mode, token)}${added}.`;
    },
  });
};
