// One decision: everything behind it, in the order it came about. `#decision=ID` in the address opens it.

const drawer = document.getElementById("detail");

/** Shows a decision; says so when the report has none of that name. */
function openDecision(id) {
  // A fill that nobody decided, such as a bracket's exit, has no decision to show.
  if (!id) return;
  history.replaceState(null, "", `#decision=${encodeURIComponent(id)}`);
  showDecision(id);
}

function showDecision(id) {
  const proposal = proposalById.get(id);
  // Whoever steps from one to the next by a button keeps it under the finger.
  const pressed = drawer.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  drawer.replaceChildren(el("div", null, proposal ? detailOf(proposal) : missing(id)));
  if (!drawer.open) drawer.showModal();
  drawer.scrollTop = 0;
  const tools = [...drawer.querySelectorAll(".drawer-head button:enabled")];
  (tools.find((tool) => tool.getAttribute("aria-label") === pressed) ?? drawer.querySelector(".close")).focus();
}

drawer.addEventListener("close", () => {
  if (location.hash.startsWith("#decision=")) history.replaceState(null, "", location.pathname + location.search);
});
// A click beside the panel falls on the dialog itself.
drawer.addEventListener("click", (event) => { if (event.target === drawer) drawer.close(); });
drawer.addEventListener("keydown", (event) => {
  if (event.target.closest(".chart, input, select")) return;
  if (event.key === "ArrowLeft") stepDecision(-1);
  if (event.key === "ArrowRight") stepDecision(1);
});

let shownDecision = null;

function stepDecision(step) {
  const rows = visibleProposals();
  const next = rows[rows.findIndex((row) => row.id === shownDecision) + step];
  if (shownDecision !== null && next) openDecision(next.id);
}

function closeButton() {
  return el("button", { type: "button", class: "quiet close", "aria-label": "Close", onclick: () => drawer.close() }, "✕");
}

function missing(id) {
  shownDecision = null;
  return [el("div", { class: "drawer-head" }, el("h2", { id: "detail-title" }, "No such decision"), closeButton()),
    el("p", null, "This report holds no decision named ", el("code", null, id), ".")];
}

function detailOf(proposal) {
  shownDecision = proposal.id;
  const rows = visibleProposals();
  const position = rows.findIndex((row) => row.id === proposal.id);
  const step = (by, text, label) => el("button", {
    type: "button", class: "quiet small", "aria-label": label, title: label,
    disabled: position < 0 || !rows[position + by], onclick: () => stepDecision(by),
  }, text);
  const verb = proposal.side === "buy" ? "Buy" : "Sell";
  return [
    el("div", { class: "drawer-head" },
      el("div", null,
        el("h2", { id: "detail-title" }, `${verb} ${decimal(proposal.quantity)} ${proposal.symbol}`),
        el("p", null, fateBadge(proposal.fate), ` decided ${moment(proposal.time)}`)),
      el("div", { class: "drawer-tools" }, step(-1, "‹", "Previous decision"), step(1, "›", "Next decision"), closeButton())),
    facts([
      ["Owner", proposal.owner],
      ["Order", `${proposal.kind}, ${decimal(proposal.quantity)} proposed, ${decimal(proposal.sent)} sent`],
      ["Reason", proposal.reason || "none given"],
      ["Probability behind it", absent(proposal.confidence) ? "none: it needs no model" : number(proposal.confidence, 3)],
      proposal.order && ["Client order id", el("code", null, proposal.order)],
      ["Decision", el("code", null, proposal.id)],
    ]),
    contextChart(proposal),
    el("h3", null, "Models"), modelViews(proposal),
    el("h3", null, "Verdicts, in their order"), verdictList(proposal),
    el("h3", null, "Fills"), fillTable(proposal),
    el("h3", null, "Features at the decision"), featureTable(proposal),
  ];
}

/** The price around the decision, some two months either way. */
function contextChart(proposal) {
  const instrument = report.main.instruments.find((candidate) => candidate.handle === proposal.instrument);
  if (!instrument?.prices) return null;
  const times = instrument.prices.times ?? report.main.times;
  const at = indexFrom(times, proposal.time);
  const from = Math.max(0, at - 40);
  const to = Math.min(times.length - 1, at + 40);
  if (to - from < 2) return null;
  const spec = priceSpec(instrument, { from, to, height: 130, highlight: proposal.id });
  spec.panes[0].events.push({ index: Math.min(at, to) - from, label: "decided", major: true });
  return el("div", { class: "context" }, timeChart({
    label: `Price of ${proposal.symbol} around the decision`, ...spec,
    onPick: (marker) => openDecision(marker.key),
  }).node);
}

function modelViews(proposal) {
  const { models } = proposal;
  if (models.length === 0) return empty(`No model was asked about this: ${proposal.owner} decides by its own rule.`);
  const range = skillRange(models.map((view) => view.skill));
  const table = plainTable("Every model's view", [
    { title: "Model", cell: (view) => [el("strong", null, view.candidate), view.chosen ? [" ", badge("chosen", "good")] : null] },
    { title: "P(up)", numeric: true, cell: (view) => (absent(view.probability) ? el("span", { class: "faint" }, "none") : [probabilityBar(view.probability), number(view.probability, 3)]) },
    { title: "Skill then", cell: (view) => skillCell(view.skill, range) },
    { title: "Eligible", cell: (view) => (view.eligible ? badge("eligible", "good") : badge("gated out")) },
  ], models, { heard: true, cards: true });
  return [choiceWords(proposal), table];
}

function choiceWords(proposal) {
  return proposal.choices.map((choice) => el("p", null,
    el("strong", null, choice.task), `: ${choice.reason}. `,
    choice.heeded ? null : `${proposal.owner} does not go by it: it decides by its own rule. `,
    el("code", null, `bulkhead explain ${choice.decision}`), " prints the record of the choice."));
}

function probabilityBar(probability) {
  const x = (value) => 2 + value * 60;
  return shape("svg", { class: "bar", viewBox: "0 0 64 12", width: 64, height: 12, "aria-hidden": "true" },
    shape("line", { class: "rail", x1: 2, x2: 62, y1: 6, y2: 6 }),
    shape("line", { class: "rail", x1: x(0.5), x2: x(0.5), y1: 1, y2: 11 }),
    shape("circle", { class: `dot ${probability >= 0.5 ? "up" : "down"}`, cx: x(probability), cy: 6, r: 4 }));
}

const SPEAKERS = { host: ["host check", "host checks"], validator: ["AI provider", "AI providers"], broker: ["", ""], rule: ["risk rule", "risk rules"] };
const VERDICT_TONES = { approve: "good", agree: "good", reject: "bad", halt: "bad", disagree: "warn", reduce: "warn" };

function verdictList(proposal) {
  if (proposal.verdicts.length === 0) return empty("Nobody was asked: the proposal ended before any verdict.");
  return el("ol", { class: "verdicts" }, groupEqual(proposal.verdicts).map(verdictItem));
}

/** Neighbours that say the same stand together: two dozen checks that passed are one line. */
function groupEqual(verdicts) {
  const said = ({ speaker, verdict, code, observed, limit, text }) => [speaker, verdict, code, observed, limit, text].join("\n");
  const groups = [];
  for (const verdict of verdicts) {
    const last = groups[groups.length - 1];
    if (last && said(last[0]) === said(verdict)) last.push(verdict);
    else groups.push([verdict]);
  }
  return groups;
}

function verdictItem(group) {
  const [verdict] = group;
  const unheeded = verdict.verdict === "disagree" && !verdict.code;
  const [one, many] = SPEAKERS[verdict.speaker];
  return el("li", null,
    badge(verdict.verdict, VERDICT_TONES[verdict.verdict]), ` ${group.map(sourceName).join(", ")} `,
    el("span", { class: "faint" }, group.length === 1 ? one : many, unheeded ? ", not heeded" : ""),
    verdict.code ? [" ", el("span", { class: "code" }, verdict.code)] : null,
    verdict.observed || verdict.limit ? facts([
      verdict.observed && ["Observed", verdict.observed],
      verdict.limit && ["Limit", verdict.limit]]) : null,
    verdict.text ? el("p", { class: "verdict-text" }, verdict.text) : null);
}

function fillTable(proposal) {
  const fills = fillsByDecision.get(proposal.id) ?? [];
  if (fills.length === 0) return empty(Number(proposal.sent) === 0 ? "It was never sent, so nothing filled." : "Nothing of it filled.");
  return plainTable("Fills", [
    { title: "Time", cell: (fill) => moment(fill.time) },
    { title: "Quantity", numeric: true, cell: (fill) => decimal(fill.quantity) },
    { title: "Price", numeric: true, cell: (fill) => decimal(fill.price) },
    { title: "Value", numeric: true, cell: (fill) => money(Number(fill.price) * Number(fill.quantity)) },
    { title: "Fee", numeric: true, cell: (fill) => money(Number(fill.fee)) },
  ], fills, { heard: true });
}

function featureTable(proposal) {
  if (proposal.features.length === 0) return empty("No features were computed for this instrument.");
  return el("div", { class: "features" }, facts(proposal.features.map(([name, value]) => [name,
    absent(value) ? el("span", { class: "faint", title: "not enough bars yet" }, "not defined") : significant(value)])));
}
