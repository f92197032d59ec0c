// The same session without the AI's veto, and the controls, whose right outcome is known.

/** Totals of sessions side by side. */
function totalsTable(caption, sessions) {
  const rows = [
    ["Final equity", (session) => money(Number(session.totals.finalEquity))],
    ["Total return", (session) => signedPercent(session.totals.totalReturn, 2)],
    ["Max drawdown", (session) => figure(statistic(session.statistics, "Max drawdown"))],
    ["Sharpe ratio", (session) => figure(statistic(session.statistics, "Sharpe ratio"))],
    ["Fees", (session) => money(Number(session.totals.fees))],
    ...(sessions.some(([, session]) => session.totals.borrowFees)
      ? [["Borrow fees", (session) => money(Number(session.totals.borrowFees ?? 0))]] : []),
    ...(sessions.some(([, session]) => session.totals.interest)
      ? [["Interest, net", (session) => money(Number(session.totals.interest ?? 0))]] : []),
    ["Proposals", (session) => count(session.totals.proposals)],
    ["Vetoed by the AI", (session) => count(session.totals.vetoed)],
    ["Denied", (session) => count(session.totals.denied)],
    ["Orders sent", (session) => count(session.totals.orders)],
    ["Fills", (session) => count(session.totals.fills)],
    ["Closed trades", (session) => count(session.statistics.trades.closed)],
    ["Digest", (session) => digest(session.digest)],
  ];
  return plainTable(caption, [
    { title: "Total", cell: ([name]) => el("strong", null, name) },
    ...sessions.map(([title, session]) => ({ title, numeric: true, cell: ([, cell]) => cell(session) })),
  ], rows);
}

function vetoSection() {
  const { main, withoutValidation } = report;
  const vetoed = proposals.filter((proposal) => proposal.fate === "vetoed");
  const list = new PagedTable("Proposals that the AI vetoed", [
    { title: "Decided", value: (row) => row.time, cell: (row) => openButton(row, day(row.time)) },
    { title: "Proposal", whole: true, value: (row) => row.symbol, cell: (row) => [sideMark(row.side), ` ${decimal(row.quantity)} ${row.symbol}`] },
    { title: "Owner", whole: true, value: (row) => row.owner, cell: (row) => row.owner },
    { title: "By", value: vetoer, whole: true, cell: vetoer },
    { title: "In its words", value: vetoWords, cell: vetoWords },
  ], main.validation ? "The AI vetoed nothing." : "The AI's verdicts were recorded and not heeded, so it vetoed nothing.", (row) => openDecision(row.id));
  list.show(vetoed);
  return section("veto", "Without the AI's veto",
    "The same session run again with the AI's verdicts recorded and not heeded. One run of history proves little either way: the difference is what the veto did here, not what it is worth.",
    withoutValidation ? vetoComparison(main, withoutValidation) : empty("The session was not run again without the AI's veto."),
    el("h3", null, "What it vetoed"), list.node);
}

function veto(row) {
  return row.verdicts.find((verdict) => verdict.speaker === "validator");
}

function vetoer(row) {
  return [sourceName(veto(row)), veto(row).observed].filter(Boolean).join(", ");
}

function vetoWords(row) {
  return veto(row).text;
}

function vetoComparison(main, without) {
  const aligned = main.times.length === without.times.length && main.times.every((time, index) => time === without.times[index]);
  const lines = [{ name: "With the veto", tone: "tone-a", values: main.equity }];
  if (aligned) lines.push({ name: "Without", tone: "tone-b", values: without.equity });
  const chart = main.times.length > 1 && timeChart({ label: "Equity with and without the AI's veto", times: main.times, panes: equityPanes(lines, Number(main.startingCash)) });
  return [
    chart ? el("div", { class: "card" }, chart.node) : null,
    aligned ? null : empty("The two sessions closed at different times, so only one curve is drawn."),
    totalsTable("Totals with and without the AI's veto", [["With the veto", main], ["Without", without]]),
  ];
}

function controlsSection() {
  const { controls } = report;
  if (controls.length === 0) {
    return section("controls", "Controls", null,
      empty("No control was run: whether the machinery would find a signal that is there is not shown here."));
  }
  return section("controls", "Controls",
    "Sessions on made-up prices whose right outcome is known beforehand. They show that the gate opens for a signal that is there and stays shut for one that is not.",
    el("div", { class: "controls" }, controls.map(controlCard)));
}

function controlCard({ name, expectation, passed, session }) {
  const chart = session.times.length > 1 && timeChart({
    label: `Equity of the control ${name}`, times: session.times,
    panes: [{
      title: `Equity, ${session.currency}`, height: 170, format: moneyTick, read: (value) => money(value, 0),
      lines: [{ name: "Control", tone: "tone-a", values: session.equity }].concat(
        session.benchmarks.filter((benchmark) => benchmark.values.some((value) => !absent(value))).slice(0, 1).map((benchmark) =>
          ({ name: capital(benchmark.name), tone: "tone-b", values: benchmark.values }))),
    }],
  });
  const { totals } = session;
  const chosen = session.models.reduce((sum, model) => sum + model.chosenBars, 0);
  return el("article", { class: `card control ${passed ? "passed" : "failed"}`, "aria-label": `Control ${name}` },
    el("div", { class: "card-head" }, el("h3", null, name), passMark(passed)),
    el("p", null, `It ${expectation}. A model was chosen on ${plural(chosen, "bar")}; ${plural(totals.fills, "fill")} in ${plural(session.statistics.trades.closed, "closed trade")}; return ${signedPercent(totals.totalReturn, 2)}.`),
    chart ? chart.node : null,
    [...groupBy(session.models, (model) => model.symbol)].map(([symbol, models]) => modelTable(symbol, models)),
    session.models.length ? null : empty("No model ran in this control."),
    el("p", { class: "under" }, "Digest ", digest(session.digest)));
}
