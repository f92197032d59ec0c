// What went wrong, what was refused, what the data needed, and everything that is needed to run it again.

function incidentsSection() {
  const { incidents } = report.main;
  return section("incidents", "Incidents",
    "Plugins that failed. Each failure stayed in its own compartment; beside it, what the session did about it.",
    incidents.length ? plainTable("Incidents", [
      { title: "When", cell: (incident) => moment(incident.time) },
      { title: "Plugin", cell: (incident) => el("strong", null, incident.plugin) },
      { title: "What happened", cell: (incident) => el("span", { class: "code" }, incident.text) },
      { title: "What the session did", cell: (incident) => incident.consequence },
    ], incidents, { heard: true, cards: true }) : empty("No plugin failed in this session."));
}

function denialGroups() {
  const all = proposals.flatMap((proposal) => refusals(proposal).map((verdict) => ({ proposal, verdict })));
  return [...groupBy(all, ({ verdict }) => [verdict.source, verdict.code, verdict.verdict].join("\n")).values()]
    .sort((a, b) => b.length - a.length);
}

function denialsSection() {
  const groups = denialGroups();
  return section("denials", "Denials",
    "Orders that host checks or risk rules refused or cut, by reason, each with what was observed and what would have been allowed.",
    groups.length ? plainTable("Denials by reason; the figures are of the first of each", [
      { title: "Code", cell: (group) => [el("span", { class: "code" }, group[0].verdict.code || "no code"), " ", badge(group[0].verdict.verdict, VERDICT_TONES[group[0].verdict.verdict])] },
      { title: "By", whole: true, cell: (group) => group[0].verdict.source },
      { title: "Times", numeric: true, cell: (group) => count(group.length) },
      { title: "Observed", numeric: true, cell: (group) => group[0].verdict.observed || UNDEFINED },
      { title: "Limit", numeric: true, cell: (group) => group[0].verdict.limit || UNDEFINED },
      { title: "In words", cell: (group) => group[0].verdict.text },
      { title: "Look", cell: (group) => [openButton(group[0].proposal, "first"), " ", el("button", {
        type: "button", class: "link", onclick: () => filterProposals({ text: group[0].verdict.code || group[0].verdict.source }),
      }, "all")] },
    ], groups) : empty("Nothing was denied: every order that was checked was within its limits."));
}

function dataSection() {
  const rows = report.main.instruments.flatMap((instrument) =>
    instrument.cleaning.filter((finding) => finding[2] > 0).map(([finding, done, howMany]) => ({ symbol: instrument.symbol, finding, done, howMany })));
  const clean = report.main.instruments.filter((instrument) => instrument.cleaning.every((finding) => finding[2] === 0)).map((instrument) => instrument.symbol);
  return section("data", "Cleaning of the data", "What was found in the raw bars, and what was done about it.",
    rows.length ? plainTable("Findings by instrument", [
      { title: "Instrument", cell: (row) => el("strong", null, row.symbol) },
      { title: "Finding", cell: (row) => row.finding },
      { title: "What was done", cell: (row) => row.done },
      { title: "Rows", numeric: true, cell: (row) => count(row.howMany) },
    ], rows) : null,
    clean.length ? empty(`Nothing had to be cleaned in ${clean.join(", ")}.`) : null);
}

function reproductionSection() {
  const { main } = report;
  const notes = main.notes.length ? el("ul", { class: "notes" }, main.notes.map((note) => el("li", null, note)))
    : empty("The session left no notes.");
  return section("inputs", "Inputs and notes", "Equal inputs give an equal digest on any machine.",
    facts([["Session", el("code", null, main.id)], ["Seed", main.seed], ["Made from", report.generatedFrom],
      ["Digest", digest(main.digest)], ["Bars", count(main.totals.bars)]]),
    main.inputs.length ? plainTable("Inputs", [
      { title: "Kind", cell: (input) => input.kind },
      { title: "Name", cell: (input) => el("strong", null, input.name) },
      { title: "SHA-256", cell: (input) => digest(input.digest) },
    ], main.inputs) : empty("The session recorded no inputs, so it cannot be run again from this report alone."),
    el("h3", null, "Notes"), notes);
}
