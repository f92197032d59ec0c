// One pane of a chart: its axis, its lines and its markers. A pane knows nothing of pointers or keys.

/** Lowest and highest of what a pane shows between two indices, with room around it. */
function paneRange(pane, first, last) {
  let low = Infinity;
  let high = -Infinity;
  for (const line of pane.lines) {
    for (let index = first; index <= last; index += 1) {
      const value = line.values[index];
      if (absent(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  for (const marker of pane.markers ?? []) {
    if (marker.index < first || marker.index > last) continue;
    low = Math.min(low, marker.value);
    high = Math.max(high, marker.value);
  }
  if (low > high) [low, high] = pane.include ?? [0, 1];
  for (const value of pane.include ?? []) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low === high) [low, high] = [low - Math.max(1, Math.abs(low) * 0.01), high + Math.max(1, Math.abs(high) * 0.01)];
  if (pane.logarithmic) return [low / 1.04, high * 1.04];
  const room = (high - low) * 0.04;
  const floor = pane.include?.includes(low) ? low : low - room;
  const ceiling = pane.include?.includes(high) ? high : high + room;
  return [floor, ceiling];
}

/** A line's path. More points than pixels are thinned to each pixel's first, lowest, highest and last. */
function linePath(values, first, last, x, y, width) {
  const perPixel = (last - first + 1) / Math.max(1, width);
  const stride = perPixel > 2 ? Math.ceil(perPixel) : 1;
  let path = "";
  let pen = "M";
  const put = (index) => {
    path += `${pen}${x(index).toFixed(1)} ${y(values[index]).toFixed(1)}`;
    pen = "L";
  };
  for (let start = first; start <= last; start += stride) {
    const end = Math.min(last, start + stride - 1);
    const kept = new Set();
    let low = -1;
    let high = -1;
    for (let index = start; index <= end; index += 1) {
      if (absent(values[index])) continue;
      if (low < 0) kept.add(index);
      if (low < 0 || values[index] < values[low]) low = index;
      if (high < 0 || values[index] > values[high]) high = index;
    }
    if (low < 0) {
      pen = "M";
      continue;
    }
    kept.add(low).add(high);
    if (!absent(values[end])) kept.add(end);
    [...kept].sort((a, b) => a - b).forEach(put);
  }
  return path;
}

/** The same path closed down (or up) to a level. */
function areaPath(line, values, first, last, x, level) {
  if (!line) return "";
  let start = first;
  while (start < last && absent(values[start])) start += 1;
  let end = last;
  while (end > start && absent(values[end])) end -= 1;
  return `${line}L${x(end).toFixed(1)} ${level.toFixed(1)}L${x(start).toFixed(1)} ${level.toFixed(1)}Z`;
}

function triangle(x, y, size, up) {
  const tip = up ? -size : size;
  return `M${x.toFixed(1)} ${(y + tip).toFixed(1)}l${size} ${-tip * 1.7}h${-2 * size}Z`;
}

/** Draws a pane into a group and returns its scale and where its markers ended up. */
function drawPane(group, pane, frame, view) {
  const [low, high] = paneRange(pane, view.first, view.last);
  const y = scaleOf(low, high, frame.bottom, frame.top, pane.logarithmic);
  const wanted = Math.max(2, Math.round((frame.bottom - frame.top) / 44));
  const ticks = (pane.logarithmic ? logTicks : niceTicks)(low, high, wanted);
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : Math.abs(high - low);
  for (const tick of ticks) {
    const at = y(tick);
    if (at < frame.top - 0.5 || at > frame.bottom + 0.5) continue;
    group.append(
      shape("line", { class: tick === 0 ? "grid zero" : "grid", x1: frame.left, x2: frame.right, y1: at, y2: at }),
      shape("text", { class: "tick", x: frame.left - 7, y: at + 4, "text-anchor": "end" }, pane.format(tick, step)));
  }
  group.append(shape("text", { class: "pane-title", x: frame.left, y: frame.top - 6 }, pane.title));

  drawEvents(group, pane, frame, view);
  for (const line of pane.lines) {
    const path = linePath(line.values, view.first, view.last, view.x, y, frame.right - frame.left);
    if (line.area) {
      const level = Math.min(Math.max(y(pane.logarithmic ? low : 0), frame.top), frame.bottom);
      group.append(shape("path", { class: `area ${line.tone}`, d: areaPath(path, line.values, view.first, view.last, view.x, level) }));
    }
    group.append(shape("path", { class: `line ${line.tone}`, d: path }));
  }
  return { y, spots: drawMarkers(group, pane, y, view) };
}

function drawEvents(group, pane, frame, view) {
  for (const event of pane.events ?? []) {
    if (event.index < view.first || event.index > view.last) continue;
    const x = view.x(event.index);
    if (event.major) {
      group.append(
        shape("line", { class: "event", x1: x, x2: x, y1: frame.top, y2: frame.bottom }),
        x > frame.right - 80
          ? shape("text", { class: "event-label", x: x - 4, y: frame.top + 11, "text-anchor": "end" }, event.label)
          : shape("text", { class: "event-label", x: x + 4, y: frame.top + 11 }, event.label));
    } else {
      group.append(shape("line", { class: "event minor", x1: x, x2: x, y1: frame.bottom - 7, y2: frame.bottom },
        shape("title", null, event.label)));
    }
  }
}

function drawMarkers(group, pane, y, view) {
  const visible = (pane.markers ?? []).filter((marker) => marker.index >= view.first && marker.index <= view.last);
  const size = visible.length > 150 ? 3.5 : 5;
  return visible.map((marker) => {
    const x = view.x(marker.index);
    const at = y(marker.value) + (marker.up ? size + 3 : -size - 3);
    group.append(shape("path", { class: `marker ${marker.up ? "buy" : "sell"} ${marker.strong ? "strong" : ""}`, d: triangle(x, at, size, marker.up) }));
    return { x, y: at, marker };
  });
}
