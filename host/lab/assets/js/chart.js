// A chart over time: panes one above the other with one time axis, a crosshair that reads all lines at
// once, and zoom by pointer, buttons and keys.
//
// spec: { label, times, panes: [{ title, height, format, lines: [{ name, tone, values, area }], markers,
//         events, include, logarithmic }], onPick }
// A marker: { index, value, up, label, strong, key }; it is picked by click, or by Enter under the crosshair.

const TITLE_HEIGHT = 24;
const TIME_HEIGHT = 26;

/** A pane's lines with their values. The first pane names them; those below it go by the same colours. */
function legendEntries(pane, position, index) {
  const entries = pane.lines.map((line) => el("span", { class: "entry", title: line.name },
    shape("svg", { class: "swatch", viewBox: "0 0 18 8", width: 18, height: 8, "aria-hidden": "true" },
      shape("line", { class: `line ${line.tone}`, x1: 0, x2: 18, y1: 4, y2: 4 })),
    el("span", { class: position > 0 ? "unseen" : "entry-name" }, `${line.name} `),
    el("span", { class: "entry-value" }, (pane.read ?? pane.format)(line.values[index]))));
  return position > 0 ? [el("span", { class: "entry-name" }, pane.title), entries] : entries;
}

class TimeChart {
  constructor(spec) {
    this.spec = spec;
    this.cursor = null;
    this.legend = el("div", { class: "legend" });
    this.reset = el("button", { type: "button", class: "quiet small", onclick: () => this.zoomTo(0, this.lastIndex) }, "Whole time");
    this.tools = el("div", { class: "chart-tools", role: "group", "aria-label": "Zoom" },
      this.button("−", "Zoom out", () => this.zoomBy(2)),
      this.button("+", "Zoom in", () => this.zoomBy(0.5)),
      this.button("‹", "Earlier", () => this.shift(-0.5)),
      this.button("›", "Later", () => this.shift(0.5)),
      this.reset);
    this.svg = shape("svg", { class: "chart", tabindex: 0, role: "group", "aria-roledescription": "chart", "aria-label": `${spec.label}. Arrow keys read values, plus and minus zoom, Enter opens a marked trade.` });
    this.node = el("div", { class: "chart-box" }, el("div", { class: "chart-head" }, this.legend, this.tools), this.svg);
    this.view = { first: 0, last: this.lastIndex };
    this.listen();
  }

  get lastIndex() {
    return Math.max(0, this.spec.times.length - 1);
  }

  button(text, label, action) {
    return el("button", { type: "button", class: "quiet small", "aria-label": label, title: label, onclick: action }, text);
  }

  /** Shows other lines over the same times. */
  update(spec) {
    this.spec = { ...this.spec, ...spec };
    this.draw();
  }

  zoomTo(first, last) {
    const least = Math.min(this.lastIndex, 5);
    const span = Math.max(least, Math.min(this.lastIndex, Math.round(last - first)));
    const start = Math.max(0, Math.min(this.lastIndex - span, Math.round(first)));
    this.view = { first: start, last: start + span };
    this.draw();
  }

  zoomBy(factor) {
    const { first, last } = this.view;
    const centre = this.cursor ?? (first + last) / 2;
    const share = (centre - first) / (last - first || 1);
    const span = (last - first) * factor;
    this.zoomTo(centre - span * share, centre + span * (1 - share));
  }

  shift(share) {
    const { first, last } = this.view;
    const span = last - first;
    const start = Math.max(0, Math.min(this.lastIndex - span, first + span * share));
    this.zoomTo(start, start + span);
  }

  draw() {
    const width = Math.max(280, this.svg.clientWidth || this.node.clientWidth || 680);
    const left = width < 520 ? 52 : 64;
    const right = width - 10;
    const { times, panes } = this.spec;
    const { first, last } = this.view;
    const height = panes.reduce((sum, pane) => sum + TITLE_HEIGHT + pane.height, TIME_HEIGHT);
    const xOfTime = scaleOf(times[first] ?? 0, times[last] ?? 1, left, right);
    this.x = (index) => xOfTime(times[index]);
    this.xInverse = (pixel) => xOfTime.inverse(pixel);
    this.width = width;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("height", height);
    this.svg.replaceChildren();
    this.frames = [];
    this.spots = [];
    let top = 0;
    for (const pane of panes) {
      const frame = { left, right, top: top + TITLE_HEIGHT, bottom: top + TITLE_HEIGHT + pane.height };
      const group = shape("g", null);
      this.svg.append(group);
      const drawn = drawPane(group, pane, frame, { first, last, x: this.x });
      this.frames.push({ ...frame, y: drawn.y, pane });
      this.spots.push(...drawn.spots);
      top = frame.bottom;
    }
    this.drawTimes(xOfTime, top, height);
    this.overlay = shape("g", { class: "overlay" });
    this.selection = shape("rect", { class: "selection", y: 0, height: top, width: 0 });
    this.svg.append(this.selection, this.overlay);
    this.reset.disabled = first === 0 && last === this.lastIndex;
    this.point(this.cursor);
  }

  drawTimes(x, bottom, height) {
    const { times } = this.spec;
    const [from, to] = [times[this.view.first], times[this.view.last]];
    if (from === undefined) return;
    for (const tick of timeTicks(from, to, this.width / 90)) {
      const at = x(tick.time);
      if (at < x(from) + 8 || at > x(to) - 8) continue;
      this.svg.append(
        shape("line", { class: "grid upright", x1: at, x2: at, y1: TITLE_HEIGHT, y2: bottom }),
        shape("text", { class: "tick", x: at, y: height - 6, "text-anchor": "middle" }, tick.label));
    }
  }

  /** Moves the crosshair to an index, or takes it away. */
  point(index) {
    this.cursor = index === null ? null : Math.max(this.view.first, Math.min(this.view.last, index));
    this.overlay.replaceChildren();
    const shown = this.cursor ?? this.view.last;
    if (this.cursor !== null) {
      const x = this.x(this.cursor);
      const { top } = this.frames[0];
      const { bottom } = this.frames[this.frames.length - 1];
      this.overlay.append(shape("line", { class: "crosshair", x1: x, x2: x, y1: top, y2: bottom }));
      for (const { y, pane } of this.frames) {
        for (const line of pane.lines) {
          const value = line.values[this.cursor];
          if (!absent(value)) this.overlay.append(shape("circle", { class: `dot ${line.tone}`, cx: x, cy: y(value), r: 3.5 }));
        }
      }
    }
    this.read(shown);
  }

  read(index) {
    const { panes } = this.spec;
    const marks = panes.flatMap((pane) => [...(pane.events ?? []), ...(pane.markers ?? [])]);
    const here = marks.filter((mark) => mark.index === this.cursor).map((mark) => mark.label).join("; ");
    this.legend.replaceChildren(el("span", { class: "when" }, day(this.spec.times[index])),
      ...panes.map((pane, position) => el("span", { class: "legend-pane" }, legendEntries(pane, position, index))),
      marks.length ? el("span", { class: "legend-marks" }, here) : "");
  }

  indexAt(pixel) {
    const { times } = this.spec;
    const time = this.xInverse(pixel);
    const after = indexFrom(times, time);
    if (after === 0) return 0;
    if (after >= times.length) return this.lastIndex;
    return time - times[after - 1] < times[after] - time ? after - 1 : after;
  }

  nearest(x, y, reach = 12) {
    let best = null;
    for (const spot of this.spots) {
      const distance = Math.hypot(spot.x - x, spot.y - y);
      if (distance <= reach && (!best || distance < best.distance)) best = { ...spot, distance };
    }
    return best;
  }

  place(event) {
    const box = this.svg.getBoundingClientRect();
    const scale = this.width / (box.width || 1);
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  }

  listen() {
    let from = null;
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      from = this.place(event);
      this.svg.setPointerCapture(event.pointerId);
    });
    this.svg.addEventListener("pointermove", (event) => {
      const at = this.place(event);
      const spot = this.nearest(at.x, at.y);
      this.legend.removeAttribute("aria-live");
      this.svg.classList.toggle("over-marker", Boolean(spot && this.spec.onPick));
      this.point(spot ? spot.marker.index : this.indexAt(at.x));
      if (from) {
        this.selection.setAttribute("x", Math.min(from.x, at.x));
        this.selection.setAttribute("width", Math.abs(at.x - from.x));
      }
    });
    this.svg.addEventListener("pointerup", (event) => {
      if (!from) return;
      const [start, at] = [from, this.place(event)];
      from = null;
      this.selection.setAttribute("width", 0);
      if (Math.abs(at.x - start.x) > 8) {
        const ends = [this.indexAt(start.x), this.indexAt(at.x)].sort((a, b) => a - b);
        this.zoomTo(...ends);
      } else {
        const spot = this.nearest(at.x, at.y);
        if (spot && this.spec.onPick) this.spec.onPick(spot.marker);
      }
    });
    this.svg.addEventListener("pointercancel", () => {
      from = null;
      this.selection.setAttribute("width", 0);
    });
    this.svg.addEventListener("pointerleave", () => { if (!from) this.point(null); });
    this.svg.addEventListener("dblclick", () => this.zoomTo(0, this.lastIndex));
    this.svg.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const at = this.cursor ?? this.view.last;
    const step = event.shiftKey ? 20 : 1;
    const actions = {
      ArrowLeft: () => this.point(at - step),
      ArrowRight: () => this.point(at + step),
      Home: () => this.point(this.view.first),
      End: () => this.point(this.view.last),
      "+": () => this.zoomBy(0.5),
      "=": () => this.zoomBy(0.5),
      "-": () => this.zoomBy(2),
      Escape: () => this.zoomTo(0, this.lastIndex),
      Enter: () => {
        const mark = this.spec.panes.flatMap((pane) => pane.markers ?? []).find((marker) => marker.index === this.cursor);
        if (mark && this.spec.onPick) this.spec.onPick(mark);
      },
    };
    if (!actions[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    // What the arrow keys read is read aloud; what a pointer passes over is not.
    this.legend.setAttribute("aria-live", "polite");
    actions[event.key]();
  }
}

/** A chart that draws itself when it is first laid out and whenever its width changes. */
function timeChart(spec) {
  const chart = new TimeChart(spec);
  let drawn = 0;
  new ResizeObserver(() => {
    const width = chart.node.clientWidth;
    if (width && width !== drawn) {
      drawn = width;
      chart.draw();
    }
  }).observe(chart.node);
  return chart;
}
