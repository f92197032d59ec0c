// Puts the page together.

const THEMES = ["system", "light", "dark"];

function storedTheme() {
  // A page from a file may have no storage.
  try {
    return THEMES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "system";
  } catch {
    return "system";
  }
}

function setTheme(theme) {
  const button = document.getElementById("theme");
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  button.textContent = `Theme: ${theme}`;
  button.onclick = () => {
    const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem("theme", next);
    } catch {
      // Then it holds for this visit only.
    }
    setTheme(next);
  };
}

function subtitle() {
  const { main } = report;
  const period = main.times.length
    ? `${day(main.times[0])} to ${day(main.times[main.times.length - 1])}, ${plural(main.times.length, "session close", "session closes")}`
    : "no session was closed";
  return `${period} · seed ${main.seed} · made from ${report.generatedFrom}`;
}

function route() {
  const match = /^#decision=(.*)$/.exec(location.hash);
  if (match) {
    try {
      showDecision(decodeURIComponent(match[1]));
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
      showDecision(match[1]);
    }
  } else if (drawer.open) {
    drawer.close();
  }
}

const SECTIONS = [
  ["Summary", summarySection], ["Equity", equitySection], ["Statistics", statisticsSection],
  ["Prices", pricesSection], ["Proposals", proposalsSection], ["Trades", tradesSection],
  ["Models", modelsSection], ["Veto", vetoSection], ["Controls", controlsSection],
  ["Incidents", incidentsSection], ["Denials", denialsSection], ["Data", dataSection],
  ["Inputs", reproductionSection],
];

setTheme(storedTheme());
document.getElementById("subtitle").textContent = subtitle();
for (const [name, build] of SECTIONS) {
  const built = build();
  document.getElementById("main").append(built);
  document.getElementById("contents").append(el("a", { href: `#${built.id}` }, name));
}
document.getElementById("foot").append(el("p", null, "Digest ", digest(report.main.digest), ". Everything on this page is in ", el("code", null, "report.json"), " beside it, unrounded."));
window.addEventListener("hashchange", route);
route();
