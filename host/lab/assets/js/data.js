// The report's data, its numbered texts put back in their places.

const report = JSON.parse(document.getElementById("report-data").textContent);

const FATES = {
  "vetoed": { name: "vetoed by the AI", tone: "warn" },
  "denied": { name: "denied", tone: "bad" },
  "not-sent": { name: "not sent", tone: "" },
  "unconfirmed": { name: "unconfirmed by the broker", tone: "bad" },
  "working": { name: "still working", tone: "" },
  "filled": { name: "filled", tone: "good" },
  "partly-filled": { name: "partly filled", tone: "good" },
  "cancelled": { name: "cancelled", tone: "" },
  "expired": { name: "expired", tone: "" },
  "rejected": { name: "rejected by the venue", tone: "bad" },
};

const symbols = new Map(report.main.instruments.map((instrument) => [instrument.handle, instrument.symbol]));

function symbolOf(handle) {
  return symbols.get(handle) ?? `instrument ${handle}`;
}

function decodeBook(book) {
  const text = (index) => book.texts[index];
  return book.proposals.map((raw, position) => ({
    ...raw,
    position,
    owner: text(raw.owner),
    reason: text(raw.reason),
    symbol: symbolOf(raw.instrument),
    features: raw.features[1].map((value, index) => [text(book.featureSets[raw.features[0]][index]), value]),
    models: raw.models.map(([candidate, probability, skill, eligible, chosen]) =>
      ({ candidate: text(candidate), probability, skill, eligible, chosen })),
    choices: raw.choices.map(([decision, task, reason, heeded]) =>
      ({ decision: text(decision), task: text(task), reason: text(reason), heeded })),
    verdicts: raw.verdicts.map(([speaker, source, verdict, code, observed, limit, words]) => ({
      speaker, source: text(source), verdict: text(verdict), code: text(code),
      observed: text(observed), limit: text(limit), text: text(words),
    })),
  }));
}

function groupBy(items, key) {
  const groups = new Map();
  for (const item of items) {
    const name = key(item);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(item);
  }
  return groups;
}

const proposals = report.main.book ? decodeBook(report.main.book) : [];
const proposalById = new Map(proposals.map((proposal) => [proposal.id, proposal]));
const fillsByDecision = groupBy(report.main.fills, (fill) => fill.decision);

/** A verdict's source without the prefix that says what it is. */
function sourceName(verdict) {
  return verdict.source.replace(/^(host|ai):/, "");
}

/** Verdicts that refused or cut an order; the AI provider's own are kept apart. */
function refusals(proposal) {
  return proposal.verdicts.filter((verdict) => ["reject", "halt", "reduce"].includes(verdict.verdict));
}

/** What stopped a proposal, for a table's cell. */
function stoppedBy(proposal) {
  const refusal = proposal.fate === "vetoed"
    ? proposal.verdicts.find((verdict) => verdict.speaker === "validator")
    : refusals(proposal)[0];
  return refusal ? `${refusal.code || refusal.verdict} (${sourceName(refusal)})` : "";
}

/** Index of the first time at or after the moment; the length when there is none. */
function indexFrom(times, moment) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < moment) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Fall from the highest value so far, at or below zero; `base` was there before the first. */
function drawdowns(values, base) {
  let peak = base;
  return values.map((value) => {
    if (absent(value)) return null;
    peak = Math.max(peak ?? value, value);
    return value / peak - 1;
  });
}
