// Tables: plain ones, and ones that sort and come in pages.
//
// columns: [{ title, value(row) for sorting, cell(row), numeric, whole: whether a cell stays on one line }]

const PAGE_ROWS = 25;

/**
 * A table that does not change. `caption` says what it is; with `heard`, only to a screen reader. With
 * `cards`, a row becomes a card on a narrow screen, where other tables scroll sideways.
 */
function plainTable(caption, columns, rows, { heard = false, cards = false } = {}) {
  return el("div", { class: `table-box ${cards ? "cards" : ""}`, tabindex: 0, role: "region", "aria-label": caption },
    el("table", null,
      el("caption", { class: heard ? "unseen" : null }, caption),
      el("thead", null, el("tr", null, columns.map((column) =>
        el("th", { scope: "col", class: column.numeric ? "numeric" : null }, column.title)))),
      el("tbody", null, rows.map((row) => tableRow(columns, row)))));
}

function tableRow(columns, row, attributes) {
  return el("tr", attributes, columns.map((column) =>
    el("td", { class: column.numeric ? "numeric" : column.whole ? "whole" : null, "data-title": column.title }, column.cell(row))));
}

/** A table in pages whose columns sort. `show(rows)` fills it; `onRow` is told of a row that is clicked. */
class PagedTable {
  constructor(caption, columns, emptyText, onRow) {
    this.columns = columns;
    this.onRow = onRow;
    this.emptyText = emptyText;
    this.sort = { column: 0, descending: false };
    this.page = 0;
    this.rows = [];
    this.body = el("tbody", null);
    this.headers = columns.map((column, index) => el("th", { scope: "col", class: column.numeric ? "numeric" : null },
      el("button", { type: "button", class: "sorter", onclick: () => this.sortBy(index) }, column.title, el("span", { class: "arrow", "aria-hidden": "true" }))));
    this.position = el("span", { class: "page-position", "aria-live": "polite" });
    this.back = el("button", { type: "button", class: "quiet small", onclick: () => this.turn(-1) }, "‹ Previous");
    this.forth = el("button", { type: "button", class: "quiet small", onclick: () => this.turn(1) }, "Next ›");
    this.pager = el("div", { class: "pager" }, this.back, this.position, this.forth);
    this.blank = el("div", null);
    this.box = el("div", { class: "table-box", tabindex: 0, role: "region", "aria-label": caption },
      el("table", null, el("caption", null, caption), el("thead", null, el("tr", null, this.headers)), this.body));
    this.node = el("div", null, this.box, this.blank, this.pager);
  }

  show(rows) {
    this.all = rows;
    this.page = 0;
    this.arrange();
  }

  sortBy(index) {
    this.sort = { column: index, descending: this.sort.column === index && !this.sort.descending };
    this.page = 0;
    this.arrange();
  }

  arrange() {
    const { value } = this.columns[this.sort.column];
    const sign = this.sort.descending ? -1 : 1;
    this.rows = [...this.all].sort((a, b) => {
      const [left, right] = [value(a), value(b)];
      // What is not defined comes last either way.
      if (absent(left) || absent(right)) return absent(left) - absent(right);
      return left < right ? -sign : left > right ? sign : 0;
    });
    this.headers.forEach((header, index) => {
      const sorted = index === this.sort.column;
      header.setAttribute("aria-sort", sorted ? (this.sort.descending ? "descending" : "ascending") : "none");
      header.querySelector(".arrow").textContent = sorted ? (this.sort.descending ? " ▾" : " ▴") : "";
    });
    this.draw();
  }

  turn(step) {
    this.page += step;
    this.draw();
  }

  draw() {
    const pages = Math.max(1, Math.ceil(this.rows.length / PAGE_ROWS));
    this.page = Math.max(0, Math.min(pages - 1, this.page));
    const start = this.page * PAGE_ROWS;
    const shown = this.rows.slice(start, start + PAGE_ROWS);
    this.body.replaceChildren(...shown.map((row) => tableRow(this.columns, row,
      this.onRow && { class: "pick", onclick: () => this.onRow(row) })));
    this.box.hidden = shown.length === 0;
    this.blank.replaceChildren(...(shown.length === 0 ? [empty(this.emptyText)] : []));
    this.pager.hidden = pages === 1;
    this.back.disabled = this.page === 0;
    this.forth.disabled = this.page === pages - 1;
    this.position.textContent = `${count(start + 1)} to ${count(start + shown.length)} of ${count(this.rows.length)}`;
  }
}
