// Builds elements. Every text goes in as text and never as markup, so nothing a plugin wrote can act here.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; attributes named `on…` are listeners, those without a value are left out. */
function el(tag, attributes, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
function shape(tag, attributes, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

function furnish(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== undefined && child !== null && child !== false) node.append(child);
  }
  return node;
}

/** A section of the page with its heading; `id` is its anchor. */
function section(id, heading, lead, ...children) {
  return el("section", { id, "aria-labelledby": `${id}-heading` },
    el("h2", { id: `${id}-heading` }, heading),
    lead ? el("p", { class: "lead" }, lead) : null,
    children);
}

/** What stands where there is nothing to show: what its absence means. */
function empty(text) {
  return el("p", { class: "empty" }, text);
}

/** A small coloured word. */
function badge(text, tone) {
  return el("span", { class: `badge ${tone ?? ""}` }, text);
}

/** A dot with the word for whether something holds; never by colour alone. */
function passMark(passed) {
  return badge(passed ? "✓ as it must be" : "✗ not as it must be", passed ? "good" : "bad");
}

/** A list of name and value. */
function facts(rows) {
  return el("dl", { class: "facts" }, rows.filter(Boolean).map(([name, value]) =>
    el("div", null, el("dt", null, name), el("dd", null, value))));
}

/** A digest: its first twelve digits, the whole of it on hover and for copying. */
function digest(text) {
  if (!/^[0-9a-f]{64}$/.test(text)) return el("code", { class: "digest-long" }, text);
  return el("code", { class: "digest", title: text }, text.slice(0, 12), el("span", { class: "digest-rest" }, text.slice(12)));
}
