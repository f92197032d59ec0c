// Price charts: every fill where it happened, splits and dividends where they fell.

function fillWords(fill) {
  const verb = fill.side === "buy" ? "bought" : "sold";
  return `${verb} ${decimal(fill.quantity)} at ${money(Number(fill.price))} (${fill.owner})`;
}

/** What a price chart of an instrument shows, from one index to another. */
function priceSpec(instrument, options) {
  const { prices } = instrument;
  const times = prices.times ?? report.main.times;
  const from = options.from ?? 0;
  const to = options.to ?? times.length - 1;
  const part = (values) => values.slice(from, to + 1);
  const shown = times.slice(from, to + 1);
  const within = (index) => index >= 0 && index < shown.length;
  const markers = report.main.fills.filter((fill) => fill.instrument === instrument.handle).map((fill) => {
    // A fill falls inside the bar that closes at or after it.
    const index = Math.min(times.length - 1, indexFrom(times, fill.time));
    const factor = options.adjusted ? prices.continuous[index] / prices.close[index] : 1;
    return { index: index - from, value: Number(fill.price) * factor, up: fill.side === "buy", label: fillWords(fill), key: fill.decision, strong: fill.decision === options.highlight };
  }).filter((marker) => within(marker.index));
  const events = prices.actions.map(([time, label]) => ({
    index: indexFrom(times, time) - from, label, major: !/dividend/i.test(label),
  })).filter((event) => within(event.index));
  return {
    times: shown,
    panes: [{
      title: options.adjusted ? "Close, continuous across splits and dividends" : `Close as traded, ${report.main.currency}`,
      height: options.height ?? 230, format: (value, step) => money(value, step < 1 ? 2 : 0), read: (value) => money(value),
      logarithmic: options.logarithmic,
      lines: [{ name: "Close", tone: "tone-a", values: part(options.adjusted ? prices.continuous : prices.close) }],
      markers, events,
    }],
  };
}

function toggle(text, checked, action) {
  const input = el("input", { type: "checkbox", checked, onchange: () => action(input.checked) });
  return el("label", { class: "toggle" }, input, text);
}

function instrumentCard(instrument) {
  const options = { adjusted: false, logarithmic: true };
  const label = `Prices and fills of ${instrument.symbol}`;
  const chart = timeChart({ label, ...priceSpec(instrument, options), onPick: (marker) => openDecision(marker.key) });
  const change = (name) => (checked) => {
    options[name] = checked;
    chart.update(priceSpec(instrument, options));
  };
  const fills = report.main.fills.filter((fill) => fill.instrument === instrument.handle);
  return el("article", { class: "card", "aria-label": label },
    el("div", { class: "card-head" }, el("h3", null, instrument.symbol),
      el("span", { class: "toggles" }, ["Adjusted", "Logarithmic"].map((name) => toggle(name, options[name.toLowerCase()], change(name.toLowerCase()))))),
    chart.node,
    el("p", { class: "under" }, fills.length ? fillTally(fills) : `Nothing was traded in ${instrument.symbol}.`));
}

function fillTally(fills) {
  const parts = [...groupBy(fills, (fill) => fill.owner)].map(([owner, own]) => {
    const bought = own.filter((fill) => fill.side === "buy").length;
    return `${owner}: ${plural(bought, "buy", "buys")} and ${plural(own.length - bought, "sell")}`;
  });
  return parts.join("; ");
}

function pricesSection() {
  const legend = el("p", { class: "marks" },
    markSample(true), " buy ", markSample(false), " sell. A dashed line is a split or another action, a short tick at the foot a dividend. Choose a mark for everything behind the trade.");
  const cards = report.main.instruments.filter((instrument) => instrument.prices?.close.length).map(instrumentCard);
  return section("prices", "Prices and trades", null, legend,
    cards.length ? cards : empty("No instrument had a bar in this session."));
}

function markSample(up) {
  return shape("svg", { viewBox: "0 0 14 14", width: 14, height: 14, class: "mark-sample", "aria-hidden": "true" },
    shape("path", { class: `marker ${up ? "buy" : "sell"}`, d: triangle(7, 7, 5, up) }));
}
