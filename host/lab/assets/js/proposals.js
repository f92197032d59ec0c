// Everything that wanted to trade, and what became of it.

function openButton(proposal, text) {
  return el("button", { type: "button", class: "link", "aria-haspopup": "dialog", onclick: (event) => {
    event.stopPropagation();
    openDecision(proposal.id);
  } }, text);
}

function sideMark(side) {
  return el("span", { class: `side ${side}` }, markSample(side === "buy"), side);
}

function fateBadge(fate) {
  const { name, tone } = FATES[fate] ?? { name: fate, tone: "" };
  return badge(name, tone);
}

function quantityCell(proposal) {
  const whole = Number(proposal.sent) === Number(proposal.quantity) || Number(proposal.sent) === 0;
  return whole ? decimal(proposal.quantity) : `${decimal(proposal.sent)} of ${decimal(proposal.quantity)}`;
}

const PROPOSAL_COLUMNS = [
  { title: "Decided", value: (row) => row.time, cell: (row) => openButton(row, day(row.time)) },
  { title: "Instrument", value: (row) => row.symbol, cell: (row) => row.symbol },
  { title: "Side", value: (row) => row.side, cell: (row) => sideMark(row.side) },
  { title: "Quantity", numeric: true, value: (row) => Number(row.quantity), cell: quantityCell },
  { title: "Order", whole: true, value: (row) => row.kind, cell: (row) => row.kind },
  { title: "Owner", whole: true, value: (row) => row.owner, cell: (row) => row.owner },
  { title: "Probability", numeric: true, value: (row) => row.confidence, cell: (row) => number(row.confidence, 3) },
  { title: "Outcome", value: (row) => row.fate, cell: (row) => fateBadge(row.fate) },
  { title: "Refused or cut by", value: stoppedBy, cell: (row) => el("span", { class: "code" }, stoppedBy(row)) },
];

let filterProposals = () => {};
let visibleProposals = () => proposals;

function choice(label, name, options) {
  return el("label", { class: "field" }, el("span", null, label),
    el("select", { name }, el("option", { value: "" }, "all"), options.map(([value, text]) => el("option", { value }, text))));
}

function distinct(values) {
  return [...new Set(values)].sort().map((value) => [value, value]);
}

function proposalsSection() {
  if (proposals.length === 0) {
    return section("proposals", "Proposals", null,
      empty("Nothing wanted to trade: no strategy made a proposal and no rule placed a protective order."));
  }
  const form = el("form", { class: "filters", role: "search", "aria-label": "Filter proposals" },
    choice("Owner", "owner", distinct(proposals.map((row) => row.owner))),
    choice("Instrument", "symbol", distinct(proposals.map((row) => row.symbol))),
    choice("Outcome", "fate", distinct(proposals.map((row) => row.fate)).map(([fate]) => [fate, FATES[fate]?.name ?? fate])),
    el("label", { class: "field grow" }, el("span", null, "Search"),
      el("input", { type: "search", name: "text", placeholder: "code, reason or decision", autocomplete: "off" })),
    el("button", { type: "reset", class: "quiet" }, "Clear"));
  const tally = el("p", { class: "under", "aria-live": "polite" });
  const table = new PagedTable("Proposals; choose one for everything behind it", PROPOSAL_COLUMNS,
    "No proposal passes this filter.", (row) => openDecision(row.id));

  const apply = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const text = wanted.text.trim().toLowerCase();
    const rows = proposals.filter((row) =>
      (!wanted.owner || row.owner === wanted.owner)
      && (!wanted.symbol || row.symbol === wanted.symbol)
      && (!wanted.fate || row.fate === wanted.fate)
      && (!text || proposalText(row).includes(text)));
    table.show(rows);
    tally.textContent = `${plural(rows.length, "proposal")} shown of ${count(proposals.length)}.`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  visibleProposals = () => table.rows;
  filterProposals = (wanted) => {
    form.reset();
    for (const [name, value] of Object.entries(wanted)) form.elements[name].value = value;
    apply();
    document.getElementById("proposals").scrollIntoView();
  };
  apply();
  return section("proposals", "Proposals",
    "Everything that wanted to trade, refused or not. Each opens to its features, every model's probability, the verdicts in their order and the fills.",
    form, tally, table.node);
}

const searched = new WeakMap();

/** What the search looks through, put together once. */
function proposalText(row) {
  if (!searched.has(row)) {
    const verdicts = row.verdicts.flatMap((verdict) => [verdict.source, verdict.code, verdict.text]);
    searched.set(row, [row.id, row.order, row.reason, row.kind, ...verdicts].join("\n").toLowerCase());
  }
  return searched.get(row);
}

const TRADE_COLUMNS = [
  { title: "Opened", value: (row) => row.opened, cell: (row) => {
    const entry = proposalById.get(row.decisions[0]);
    return entry ? openButton(entry, day(row.opened)) : day(row.opened);
  } },
  { title: "Closed", whole: true, value: (row) => row.closed, cell: (row) => (absent(row.closed) ? badge("open") : day(row.closed)) },
  { title: "Instrument", value: (row) => symbolOf(row.instrument), cell: (row) => symbolOf(row.instrument) },
  { title: "Side", value: (row) => row.side, cell: (row) => (row.side === "buy" ? "long" : "short") },
  { title: "Quantity", numeric: true, value: (row) => Number(row.quantity), cell: (row) => decimal(row.quantity) },
  { title: "Owner", whole: true, value: (row) => row.owner, cell: (row) => row.owner },
  { title: "Days held", numeric: true, value: heldDays, cell: (row) => count(heldDays(row)) },
  { title: "Fees", numeric: true, value: (row) => Number(row.fees), cell: (row) => money(Number(row.fees)) },
  { title: "Net result", numeric: true, value: (row) => Number(row.profit), cell: (row) => resultCell(Number(row.profit)) },
];

function heldDays(trade) {
  const end = trade.closed ?? report.main.times[report.main.times.length - 1];
  return (end - trade.opened) / DAY;
}

function resultCell(profit) {
  return el("span", { class: profit < 0 ? "loss" : profit > 0 ? "gain" : null }, signedMoney(profit));
}

function tradesSection() {
  const table = new PagedTable("Trades from flat to flat", TRADE_COLUMNS,
    "No position was ever opened: the session stayed in cash.",
    (row) => { if (proposalById.has(row.decisions[0])) openDecision(row.decisions[0]); });
  table.show(report.main.trades);
  return section("trades", "Trades",
    "Positions from flat to flat, net of fees and with dividends; open ones at their last price.", table.node);
}
