// The summary: tiles, the equity curve beside what else the money could have done, and the statistics.

const LINE_TONES = ["tone-b", "tone-c", "tone-d", "tone-e"];

function statistic(holder, label) {
  return holder?.rows.find((row) => row.label === label);
}

function tile(name, value, ...under) {
  return el("div", { class: "tile" }, el("h3", null, name), el("p", { class: "tile-value" }, value),
    under.filter(Boolean).map((line) => el("p", { class: "tile-under" }, line)));
}

function drawdownWords({ peak, trough, recovery, days }) {
  if (absent(peak)) return "equity never fell below an earlier close";
  const end = absent(recovery) ? "not recovered by the end" : `recovered ${day(recovery)}`;
  return `${day(peak)} to ${day(trough)}, ${end} (${plural(Math.round(days), "day")})`;
}

function summarySection() {
  const { main } = report;
  const { totals, statistics } = main;
  const start = Number(main.startingCash);
  const tiles = el("div", { class: "tiles" },
    tile("Final equity", money(Number(totals.finalEquity)), `from ${money(start)} of cash`),
    tile("Total return", signedPercent(totals.totalReturn, 2),
      ...main.benchmarks.map(benchmarkWords)),
    tile("Max drawdown", figure(statistic(statistics, "Max drawdown")), drawdownWords(statistics.drawdown)),
    tile("Fees", money(Number(totals.fees)), feesWords(statistic(statistics, "Fees' share of gross result"), totals.borrowFees),
      totals.borrowFees && `for borrowing, besides: ${money(Number(totals.borrowFees))}`,
      `dividends, net: ${money(Number(totals.dividends))}`,
      totals.interest && `interest, net: ${money(Number(totals.interest))}`),
    tile("Orders sent", count(totals.orders), `of ${plural(totals.proposals, "proposal")}, with ${plural(totals.fills, "fill")}`),
    tile("Vetoed by the AI", count(totals.vetoed), main.validation ? "its verdicts were heeded" : "its verdicts were not heeded"),
    tile("Denied", count(totals.denied), "by host checks and risk rules"),
    tile("Incidents contained", count(main.incidents.length), main.incidents.length ? "the session went on; see below" : "no plugin failed"));
  const ended = main.ending === "completed" ? null
    : el("p", { class: "notice" }, "This session was stopped before its feed ended. Everything up to then is kept.");
  return section("summary", "Summary", null, ended, tiles,
    el("p", { class: "digest-line" }, "Digest of inputs and outcome, equal for equal sessions on any machine: ", digest(main.digest)));
}

function benchmarkWords({ name, statistics }) {
  const row = statistic(statistics, "Total return");
  return `${capital(name)}: ${signedPercent(row?.value, 1)}${row?.note ? ` (${row.note})` : ""}`;
}

function feesWords(row, borrowing) {
  if (absent(row?.value)) return "nothing was earned before fees";
  return `${borrowing ? "with those for borrowing, " : ""}${percent(row.value, 1)} of the result before fees`;
}

function equityPanes(lines, base) {
  const falls = lines.map((line, index) => ({
    name: line.name, tone: line.tone, area: index === 0, values: drawdowns(line.values, index === 0 ? base : null),
  }));
  return [
    { title: `Equity, ${report.main.currency}`, height: 250, format: moneyTick, read: (value) => money(value, 0), lines },
    { title: "Drawdown", height: 110, format: percentTick, read: (value) => percent(value, 1), include: [-0.02, 0], lines: falls },
  ];
}

function equitySection() {
  const { main } = report;
  if (main.times.length < 2) {
    return section("equity", "Equity", null, empty("Fewer than two session closes: there is no curve to draw."));
  }
  const lines = [{ name: "Session", tone: "tone-a", values: main.equity }].concat(
    main.benchmarks.map((benchmark, index) => ({ name: capital(benchmark.name), tone: LINE_TONES[index % LINE_TONES.length], values: benchmark.values })));
  const panes = equityPanes(lines, Number(main.startingCash));
  panes.push({
    title: "Gross exposure / equity", height: 60, format: percentTick, read: (value) => percent(value, 0), include: [0, 0.05],
    lines: [{ name: "Exposure", tone: "tone-a", values: main.exposure, area: true }],
  });
  const chart = timeChart({ label: "Equity, drawdown and exposure over time", times: main.times, panes });
  return section("equity", "Equity and drawdown",
    "Marked to market at each session's close. Every other line is what the same starting cash would have become there. Drag over a stretch to look closer.",
    el("div", { class: "card" }, chart.node));
}

function statisticsSection() {
  const { main, withoutValidation } = report;
  const columns = [{ title: "Session", holder: main.statistics }];
  if (withoutValidation) columns.push({ title: "Without the AI's veto", holder: withoutValidation.statistics });
  for (const benchmark of main.benchmarks) columns.push({ title: capital(benchmark.name), holder: benchmark.statistics });
  const table = plainTable("Statistics of the session and of what it is compared with",
    [{ title: "Statistic", whole: true, cell: (row) => el("strong", null, row.label) },
      ...columns.map(({ title, holder }) => ({ title, numeric: true, cell: (row) => figureCell(statistic(holder, row.label)) })),
      { title: "How it is computed", cell: (row) => el("span", { class: "convention" }, row.convention) }],
    main.statistics.rows);
  const { closed, wins, losses, breakevens, open } = main.statistics.trades;
  const words = `${plural(closed, "closed trade")}: ${count(wins)} won, ${count(losses)} lost, ${count(breakevens)} broke even; ${count(open)} still open at the end.`;
  return section("statistics", "Statistics",
    `Returns are of equity at the last close of each day; a year has ${main.statistics.annualization} of them. “${UNDEFINED}” means not defined, with the reason under it.`,
    table, el("p", { class: "under" }, words));
}

function figureCell(row) {
  if (!row) return el("span", { class: "faint" }, "");
  return [figure(row), row.note ? el("span", { class: "cell-note" }, row.note) : null];
}
