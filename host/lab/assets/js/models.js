// Models: how well each foretold, and how often that was good enough to trade on.

/** Range of a skill axis that holds all intervals and zero. */
function skillRange(intervals) {
  let low = 0;
  let high = 0;
  for (const interval of intervals) {
    if (!interval) continue;
    low = Math.min(low, interval[1]);
    high = Math.max(high, interval[2]);
  }
  const room = Math.max(0.005, (high - low) * 0.05);
  return [low - room, high + room];
}

/** An estimate with its interval as a whisker beside zero. */
function whisker(interval, [low, high]) {
  const [value, lower, upper] = interval;
  const x = scaleOf(low, high, 4, 146);
  const tone = lower > 0 ? "up" : upper < 0 ? "down" : "unsure";
  return shape("svg", { class: "whisker", viewBox: "0 0 150 20", width: 150, height: 20, "aria-hidden": "true" },
    shape("line", { class: "rail", x1: 4, x2: 146, y1: 10, y2: 10 }),
    shape("line", { class: "zero-line", x1: x(0), x2: x(0), y1: 1, y2: 19 }),
    shape("line", { class: `reach ${tone}`, x1: x(lower), x2: x(upper), y1: 10, y2: 10 }),
    shape("line", { class: `reach ${tone}`, x1: x(lower), x2: x(lower), y1: 6, y2: 14 }),
    shape("line", { class: `reach ${tone}`, x1: x(upper), x2: x(upper), y1: 6, y2: 14 }),
    shape("circle", { class: `dot ${tone}`, cx: x(value), cy: 10, r: 4 }));
}

function skillWords([value, lower, upper]) {
  return `${signedPercent(value)} [${signedPercent(lower)}, ${signedPercent(upper)}]`;
}

function skillCell(interval, range) {
  if (!interval) return el("span", { class: "faint" }, "too few labels");
  return el("span", { class: "skill" }, whisker(interval, range),
    el("span", { class: "skill-text" }, skillWords(interval)));
}

/** Bars chosen, eligible but not chosen, and gated out. */
function barsCell(model) {
  const total = model.eligibleBars + model.gatedBars;
  if (total === 0) return el("span", { class: "faint" }, "never predicted");
  const chosen = Math.min(model.chosenBars, model.eligibleBars);
  const parts = [["chosen", chosen], ["eligible", model.eligibleBars - chosen], ["gated", model.gatedBars]];
  let from = 0;
  return el("span", { class: "bars" },
    shape("svg", { class: "stack", viewBox: "0 0 150 12", width: 150, height: 12, "aria-hidden": "true" }, parts.map(([name, bars]) => {
      const width = (bars / total) * 150;
      const part = shape("rect", { class: `part ${name}`, x: from, y: 0, width, height: 12 });
      from += width;
      return part;
    })),
    el("span", { class: "bars-text" }, `chosen on ${count(model.chosenBars)} of ${count(model.eligibleBars)} eligible, gated out on ${count(model.gatedBars)}`));
}

/** Predicted against observed; on the diagonal a probability means what it says. */
function reliabilityFigure(model) {
  const size = 170;
  const at = scaleOf(0, 1, 26, size - 8);
  const up = scaleOf(0, 1, size - 22, 8);
  const most = Math.max(...model.reliability.map((bin) => bin[2]));
  const ticks = [0, 0.5, 1].map((tick) => [
    shape("text", { class: "tick", x: at(tick), y: size - 7, "text-anchor": "middle" }, String(tick)),
    shape("text", { class: "tick", x: 21, y: up(tick) + 4, "text-anchor": "end" }, String(tick))]);
  const bins = model.reliability.filter((bin) => bin[2] > 0).map(([, , howMany, predicted, observed]) =>
    shape("circle", { class: "bin", cx: at(predicted), cy: up(observed), r: 2.5 + 5 * Math.sqrt(howMany / most) }));
  return el("figure", null,
    el("figcaption", null, model.candidate),
    shape("svg", { class: "reliability", viewBox: `0 0 ${size} ${size}`, width: size, height: size, role: "img", "aria-label": `Reliability of ${model.candidate} on ${model.symbol}; the table under it has the figures` },
      shape("rect", { class: "frame", x: 26, y: 8, width: size - 34, height: size - 30 }),
      shape("line", { class: "rail", x1: at(0), y1: up(0), x2: at(1), y2: up(1) }), ticks, bins),
    plainTable(`Reliability of ${model.candidate} on ${model.symbol}`, [
      { title: "Bin", whole: true, cell: ([from, to]) => `${number(from, 2)}–${number(to, 2)}` },
      { title: "n", numeric: true, cell: (bin) => count(bin[2]) },
      { title: "Pred.", numeric: true, cell: (bin) => number(bin[3], 3) },
      { title: "Obs.", numeric: true, cell: (bin) => number(bin[4], 3) },
    ], model.reliability, { heard: true }));
}

/** Reliability of all models of an instrument, folded away. */
function reliabilityBlock(symbol, models) {
  const known = models.filter((model) => model.reliability.length > 0);
  if (known.length === 0) return null;
  return el("details", null, el("summary", null, `Reliability of the models on ${symbol}`),
    el("p", { class: "under" }, "Across: mean predicted probability of a bin; up: how often it came true; size: how many predictions. On the dotted line a probability means what it says."),
    el("div", { class: "figures" }, known.map(reliabilityFigure)));
}

function fitsCell(model) {
  if (!model.failures) return plural(model.fits, "fit");
  return [plural(model.fits, "fit"), " ", badge(`${count(model.failures[0])} failed`, "bad")];
}

function modelCell(model) {
  return [el("strong", null, model.candidate), model.failures ? el("span", { class: "cell-note" }, `Last failed fit: ${model.failures[1]}`) : null];
}

/** The models of one instrument. */
function modelTable(symbol, models) {
  const range = skillRange(models.map((model) => model.skill));
  const table = plainTable(`Models on ${symbol}`, [
    { title: "Model", cell: modelCell },
    { title: "Skill, with interval", cell: (model) => skillCell(model.skill, range) },
    { title: "Log-loss / base rate", numeric: true, cell: (model) => (absent(model.logLoss) ? UNDEFINED : `${number(model.logLoss, 4)} / ${number(model.baseLogLoss, 4)}`) },
    { title: "Labels", numeric: true, cell: (model) => count(model.samples) },
    { title: "Bars", cell: barsCell },
    { title: "Fits", cell: fitsCell },
  ], models, { heard: true, cards: true });
  return [table, reliabilityBlock(symbol, models)];
}

/** What became of an instrument's models, in a sentence. */
function modelsWords(symbol, models, fills) {
  const eligible = models.filter((model) => model.eligibleBars > 0);
  if (eligible.length > 0) {
    const best = eligible.reduce((a, b) => (b.chosenBars > a.chosenBars ? b : a));
    return `${plural(eligible.length, "model")} of ${count(models.length)} ${eligible.length === 1 ? "was" : "were"} eligible at some time in ${symbol}; ${best.candidate} was chosen most often, on ${plural(best.chosenBars, "bar")}.`;
  }
  const others = [...new Set(fills.map((fill) => fill.owner))];
  const rest = others.length
    ? ` Its ${plural(fills.length, "fill")} there belong to what needs no model: ${others.join(", ")}.`
    : "";
  return `No model was eligible: the session stayed flat in ${symbol} wherever a trade needs a model's probability.${rest}`;
}

function modelsSection() {
  const { models, fills, instruments } = report.main;
  if (models.length === 0) {
    return section("models", "Models", null, empty("No model ran in this session: its strategies need none."));
  }
  const handles = new Map(instruments.map((instrument) => [instrument.symbol, instrument.handle]));
  const blocks = [...groupBy(models, (model) => model.symbol)].map(([symbol, own]) => {
    const traded = fills.filter((fill) => fill.instrument === handles.get(symbol));
    return el("article", { class: "block" }, el("h3", null, symbol), el("p", null, modelsWords(symbol, own, traded)), modelTable(symbol, own));
  });
  return section("models", "Models",
    "Skill is 1 − log-loss ÷ log-loss of the base rate, on labels that had matured and were never trained on. The whisker is its interval around the upright line of no skill; a model trades only while its lower end is above it.",
    el("p", { class: "marks" }, keySample("chosen"), " chosen ", keySample("eligible"), " eligible, another was chosen ", keySample("gated"), " gated out"),
    blocks);
}

function keySample(name) {
  return shape("svg", { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" }, shape("rect", { class: `part ${name}`, width: 12, height: 12 }));
}
