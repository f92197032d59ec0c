// Axes: where ticks stand and what they say.

const DAY = 86400;

/** Round steps that give about `wanted` ticks over a range. */
function niceTicks(low, high, wanted) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const raw = span / Math.max(1, wanted);
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * magnitude).find((candidate) => candidate >= raw);
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index += 1) ticks.push(index * step);
  return ticks;
}

/** Ticks of a logarithmic axis: round parts of each magnitude, or round steps where the range is short. */
function logTicks(low, high, wanted) {
  if (high / low < 4) return niceTicks(low, high, wanted);
  const factors = high / low < 20 ? [1, 1.5, 2, 3, 5, 7] : [1, 2, 5];
  const ticks = [];
  for (let magnitude = 10 ** Math.floor(Math.log10(low)); magnitude <= high; magnitude *= 10) {
    for (const factor of factors) {
      const tick = factor * magnitude;
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

/** Ticks on the first of years, of months, or on days, with their labels; times in seconds. */
function timeTicks(from, to, wanted) {
  const days = (to - from) / DAY;
  const perTick = days / Math.max(1, wanted);
  if (perTick > 300) return yearTicks(from, to, Math.max(1, Math.ceil(perTick / 366)));
  if (perTick > 20) {
    const months = [1, 2, 3, 6, 12].find((step) => step * 30.5 >= perTick) ?? 12;
    return monthTicks(from, to, months);
  }
  const step = [1, 2, 5, 7, 14, 28].find((candidate) => candidate >= perTick) ?? 28;
  const ticks = [];
  for (let time = Math.ceil(from / (step * DAY)) * step * DAY; time <= to; time += step * DAY) {
    ticks.push({ time, label: day(time) });
  }
  return ticks;
}

function yearTicks(from, to, step) {
  const ticks = [];
  const first = new Date(from * 1000).getUTCFullYear();
  for (let year = Math.ceil(first / step) * step; ; year += step) {
    const time = Date.UTC(year, 0, 1) / 1000;
    if (time > to) return ticks;
    if (time >= from) ticks.push({ time, label: String(year) });
  }
}

function monthTicks(from, to, step) {
  const ticks = [];
  const start = new Date(from * 1000);
  for (let month = start.getUTCMonth() - (start.getUTCMonth() % step); ; month += step) {
    const time = Date.UTC(start.getUTCFullYear(), month, 1) / 1000;
    if (time > to) return ticks;
    if (time >= from) ticks.push({ time, label: day(time).slice(0, step === 12 ? 4 : 7) });
  }
}

/** Maps a range of values to pixels; `log` needs values above zero. */
function scaleOf(low, high, from, to, log = false) {
  const bend = log ? Math.log : (value) => value;
  const [start, end] = [bend(low), bend(high)];
  const span = end - start || 1;
  const scale = (value) => from + ((bend(value) - start) / span) * (to - from);
  scale.inverse = (pixel) => {
    const bent = start + ((pixel - from) / (to - from)) * span;
    return log ? Math.exp(bent) : bent;
  };
  return scale;
}
