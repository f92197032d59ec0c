//! The page of a sweep: one page without a script, self-contained, to read and to print, in the style of the tear sheet.

use super::csv::text;
use super::result::SweepResult;
use super::row::{Ending, Objective, Row};
use super::space::{Axis, Space, Values};
use super::tally::{Cell, Tally, bins};
use super::walk::WalkForward;
use crate::report::markup::{escape, policy_hash};
use crate::report::sheet::STYLE;
use crate::report::sheet::words::{date, grouped, percent};
use crate::result::Label;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Heat maps that are drawn, the parameters with the most influence first.
const HEAT_MAPS: usize = 3;
/// Shades from the smallest to the largest.
const COLD: (f64, f64, f64) = (236.0, 240.0, 244.0);
const WARM: (f64, f64, f64) = (10.0, 90.0, 166.0);

/// What the page shows.
pub(super) struct Page<'a> {
    pub(super) result: &'a SweepResult,
    pub(super) space: &'a Space,
    pub(super) tally: &'a Tally,
}

/// A number of the objective.
fn shown(objective: Objective, value: Option<f64>) -> String {
    match (value, objective) {
        (None, _) => "–".to_owned(),
        (Some(value), Objective::TotalReturn | Objective::Cagr) => percent(value, 2),
        (Some(value), _) => grouped(value, 3),
    }
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| percent(value, 2))
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| grouped(value, 3))
}

/// A shade between cold and warm.
fn shade(share: f64) -> String {
    let mix = |cold: f64, warm: f64| (cold + share.clamp(0.0, 1.0) * (warm - cold)).round() as u8;
    format!(
        "#{:02x}{:02x}{:02x}",
        mix(COLD.0, WARM.0),
        mix(COLD.1, WARM.1),
        mix(COLD.2, WARM.2)
    )
}

/// What a bin of an axis is called.
fn label(axis: &Axis, bin: usize) -> String {
    let count = bins(axis);
    match &axis.values {
        Values::Listed(values) => {
            let first = (bin * values.len()).div_ceil(count);
            let after = ((bin + 1) * values.len()).div_ceil(count);
            let name = |place: usize| values.get(place).map(text).unwrap_or_default();
            if after - first > 1 {
                format!("{}…{}", name(first), name(after - 1))
            } else {
                name(first)
            }
        }
        Values::Between { low, high } => {
            let at = |bin: usize| low + (high - low) * bin as f64 / count as f64;
            format!("{:.3}…{:.3}", at(bin), at(bin + 1))
        }
    }
}

/// The least and the greatest; `None` where there are not two.
fn span(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    (low < high).then_some((low, high))
}

impl Page<'_> {
    /// Writes the page.
    pub(super) fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let result = self.result;
        let title = escape(&format!("{} {}", result.strategy, result.version));
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; \
             form-action 'none'; style-src {}\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{title} · sweep</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
            policy_hash(STYLE)
        )?;
        out.write_all(self.head(&title).as_bytes())?;
        out.write_all(b"<main>\n")?;
        if let Some(walk) = &result.walk_forward {
            section(out, "Where it was not searched", &self.walk(walk))?;
        }
        section(out, "The best", &self.best())?;
        for map in self.heat_maps() {
            section(out, &map.0, &map.1)?;
        }
        section(out, "Every combination as a line", &self.lines())?;
        section(out, "Value by value", &self.influence())?;
        section(out, "What was run", &self.inputs())?;
        write!(
            out,
            "</main>\n<footer>Made from <code>sweep.json</code> (format {}) beside this page; every combination is in \
             <code>combinations.csv</code>.</footer>\n</body>\n</html>\n",
            result.format
        )
    }

    fn head(&self, title: &str) -> String {
        let result = self.result;
        let symbols: Vec<&str> = result
            .instruments
            .iter()
            .map(|one| one.symbol.as_str())
            .collect();
        let label = match result.label {
            Label::ByConstruction => {
                "<span class=\"badge\">no look-ahead by construction</span>".to_owned()
            }
            Label::Audited { cuts } => format!(
                "<span class=\"badge warn\" title=\"The best combination's past did not change with its future at {cuts} \
                 places. Not a proof.\">look-ahead audited</span>"
            ),
        };
        let mut html = format!(
            "<header>\n<h1>{title}: a sweep</h1>\n<p class=\"lead\">{label}<span class=\"badge warn\">Simulated</span> {} · {} to {} · {} search for {}</p>\n",
            escape(&symbols.join(", ")),
            date(result.span.from),
            date(result.span.to),
            result.search,
            result.objective
        );
        let best = result.best.first();
        let objective = best.and_then(|best| best.objective);
        let deflation = result.deflation.as_ref();
        let counts = result.counts;
        let mut tiles = vec![
            (format!("Best {}", result.objective), shown(result.objective, objective), String::new()),
            (
                "Its total return".to_owned(),
                share(best.and_then(|best| best.figures?.total_return)),
                String::new(),
            ),
            (
                "Mean beside it".to_owned(),
                match &result.neighbours {
                    Some(beside) => shown(result.objective, beside.mean),
                    None => "–".to_owned(),
                },
                "Mean objective of the combinations one listed value away in one parameter.".to_owned(),
            ),
            (
                "Deflated Sharpe ratio".to_owned(),
                deflation.map_or_else(|| "–".to_owned(), |it| share(it.dsr)),
                "Probability that the true Sharpe ratio is above what the best of as many trials shows by chance (Bailey and López de Prado 2014).".to_owned(),
            ),
            (
                "Trials it is the best of".to_owned(),
                deflation.map_or_else(|| "–".to_owned(), |it| grouped(it.trials as f64, 0)),
                "Combinations and trials of the family, this sweep's included, whose spans share any time.".to_owned(),
            ),
            (
                "Run, given up, failed".to_owned(),
                format!("{}, {}, {}", counts.run, counts.pruned, counts.failed),
                String::new(),
            ),
        ];
        if let Some(walk) = &result.walk_forward {
            let efficiency = (
                "Walk-forward efficiency".to_owned(),
                ratio(walk.efficiency),
                "Mean yearly return where it was not searched over that where it was.".to_owned(),
            );
            tiles[1] = efficiency;
        }
        html.push_str("<div class=\"tiles\">");
        for (name, value, what) in tiles {
            let _ = write!(
                html,
                "<div class=\"tile\" title=\"{}\"><span>{}</span><b>{value}</b></div>",
                escape(&what),
                escape(&name)
            );
        }
        html.push_str("</div>\n");
        for doubt in self.doubts() {
            let _ = writeln!(html, "<p class=\"caveat\">{}</p>", escape(&doubt));
        }
        html.push_str("</header>\n");
        html
    }

    /// What the best is to be doubted for.
    fn doubts(&self) -> Vec<String> {
        let result = self.result;
        let mut doubts = Vec::new();
        let Some(best) = result.best.first() else {
            doubts.push(
                "No combination has an objective: too few trades, or none that could be run."
                    .to_owned(),
            );
            return doubts;
        };
        if let Some(deflation) = &result.deflation
            && let Some(dsr) = deflation.dsr
            && dsr < 0.95
        {
            doubts.push(format!(
                "The best of {} trials: with probability {} its Sharpe ratio is more than the best of as many shows by chance, and 95 % would be usual.",
                deflation.trials,
                percent(dsr, 1)
            ));
        }
        for (axis, value) in self.space.axes().iter().zip(&best.values) {
            if let Values::Listed(values) = &axis.values
                && values.len() > 2
                && (values.first() == Some(value) || values.last() == Some(value))
            {
                doubts.push(format!(
                    "The best {} is the last one tried on its side, {}: better ones may lie beyond.",
                    axis.name,
                    text(value)
                ));
            }
        }
        if let (Some(beside), Some(objective)) = (&result.neighbours, best.objective)
            && let Some(mean) = beside.mean
            && objective > 0.0
            && mean < objective / 2.0
        {
            doubts.push("Combinations beside the best come to less than half of it: a peak that stands alone is chance.".to_owned());
        }
        if result.walk_forward.is_none() {
            doubts.push("Chosen and measured on the same bars: --walk-forward says what such a choice is worth behind them.".to_owned());
        }
        doubts
    }

    fn names(&self) -> impl Iterator<Item = String> {
        self.space.axes().iter().map(|axis| escape(&axis.name))
    }

    fn row(&self, row: &Row) -> String {
        let mut html = String::new();
        for value in &row.values {
            let _ = write!(html, "<td class=\"n\">{}</td>", escape(&text(value)));
        }
        let figures = row.figures.as_ref();
        let mut cells = vec![
            shown(self.result.objective, row.objective),
            share(figures.and_then(|it| it.total_return)),
        ];
        if self.result.objective != Objective::Sharpe {
            cells.push(ratio(figures.and_then(|it| it.sharpe)));
        }
        cells.push(share(figures.and_then(|it| it.max_drawdown)));
        cells.push(figures.map_or_else(String::new, |it| it.trades.to_string()));
        for cell in cells {
            let _ = write!(html, "<td class=\"n\">{cell}</td>");
        }
        html
    }

    fn table_head(&self, before: &[&str]) -> String {
        let mut html = "<table><thead><tr>".to_owned();
        for name in before {
            let _ = write!(html, "<th>{name}</th>");
        }
        for name in self.names() {
            let _ = write!(html, "<th class=\"n\">{name}</th>");
        }
        let objective = self.result.objective;
        let sharpe = (objective != Objective::Sharpe).then_some("sharpe");
        let rest = ["total return"]
            .into_iter()
            .chain(sharpe)
            .chain(["deepest fall", "trades"]);
        let _ = write!(html, "<th class=\"n\">{objective}</th>");
        for name in rest {
            let _ = write!(html, "<th class=\"n\">{name}</th>");
        }
        html.push_str("</tr></thead><tbody>");
        html
    }

    fn best(&self) -> String {
        let mut html = self.table_head(&[]);
        for row in &self.result.best {
            let _ = write!(html, "<tr>{}</tr>", self.row(row));
        }
        html.push_str("</tbody></table>");
        html
    }

    fn walk(&self, walk: &WalkForward) -> String {
        let mut html = self.table_head(&["fold", "searched", "tried"]);
        for fold in &walk.folds {
            let between =
                |closes: &super::Closes| format!("{} to {}", date(closes.from), date(closes.to));
            let (searched, tried) = (between(&fold.in_sample), between(&fold.out_of_sample));
            for (which, row) in [("searched", &fold.best), ("tried", &fold.tried)] {
                let Some(row) = row else {
                    let _ = write!(
                        html,
                        "<tr><td>{}, {which}</td><td>{searched}</td><td>{tried}</td></tr>",
                        fold.fold
                    );
                    continue;
                };
                let _ = write!(
                    html,
                    "<tr><td>{}, {which}</td><td>{searched}</td><td>{tried}</td>{}</tr>",
                    fold.fold,
                    self.row(row)
                );
            }
        }
        html.push_str("</tbody></table>");
        let curve = &walk.out_of_sample;
        let _ = write!(
            html,
            "<p class=\"under\">All spans that were tried, one behind the other: total return {}, yearly {}, Sharpe ratio {}, deepest fall {}.</p>",
            share(curve.total_return.value),
            share(curve.cagr.value),
            ratio(curve.sharpe.value),
            share(curve.max_drawdown.figure.value)
        );
        html
    }

    fn heat_maps(&self) -> Vec<(String, String)> {
        let influence = self.tally.influence();
        let weight = |axis: usize| influence.get(axis).copied().unwrap_or_default();
        let mut pairs: Vec<_> = self.tally.pairs.iter().collect();
        pairs.sort_by(|(a, _), (b, _)| {
            let sum = |pair: &(usize, usize)| weight(pair.0) + weight(pair.1);
            sum(b).total_cmp(&sum(a))
        });
        pairs
            .into_iter()
            .take(HEAT_MAPS)
            .filter_map(|((first, second), cells)| {
                let axes = self.space.axes();
                let (rows, columns) = (axes.get(*first)?, axes.get(*second)?);
                let title = format!(
                    "Mean {} by {} and {}",
                    self.result.objective, rows.name, columns.name
                );
                Some((title, self.heat_map(rows, columns, cells)?))
            })
            .collect()
    }

    fn heat_map(&self, rows: &Axis, columns: &Axis, cells: &[Vec<Cell>]) -> Option<String> {
        const LEFT: usize = 110;
        const HIGH: usize = 26;
        const WIDE: usize = 980;
        let means = || cells.iter().flatten().filter_map(Cell::mean);
        let low_high = span(means());
        means().next()?;
        let across = bins(columns);
        let width = ((WIDE - LEFT) / across.max(1)).min(80);
        let height = 24 + HIGH * cells.len() + 30;
        let mut svg = format!(
            "<div class=\"card\"><svg viewBox=\"0 0 {WIDE} {height}\" role=\"img\" aria-label=\"{} by {}\">",
            escape(&rows.name),
            escape(&columns.name)
        );
        let _ = write!(
            svg,
            "<text x=\"4\" y=\"14\">{} ↓ · {} →</text>",
            escape(&rows.name),
            escape(&columns.name)
        );
        for (at, row) in cells.iter().enumerate() {
            let y = 24 + at * HIGH;
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                LEFT - 6,
                y + 17,
                escape(&label(rows, at))
            );
            for (place, cell) in row.iter().enumerate() {
                let x = LEFT + place * width;
                let Some(mean) = cell.mean() else {
                    let _ = write!(
                        svg,
                        "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#d5dde5\"/>",
                        width - 2,
                        HIGH - 2
                    );
                    continue;
                };
                let part = low_high.map_or(0.5, |(low, high)| (mean - low) / (high - low));
                let shown = shown(self.result.objective, Some(mean));
                let _ = write!(
                    svg,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill=\"{}\"><title>{} {}, {} {}: mean {shown} of {}</title></rect>",
                    width - 2,
                    HIGH - 2,
                    shade(part),
                    escape(&rows.name),
                    escape(&label(rows, at)),
                    escape(&columns.name),
                    escape(&label(columns, place)),
                    cell.count
                );
                if width >= 44 {
                    let ink = if part > 0.55 {
                        " class=\"light\""
                    } else {
                        " class=\"dark\""
                    };
                    let _ = write!(
                        svg,
                        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\"{ink}>{shown}</text>",
                        x + (width - 2) / 2,
                        y + 16
                    );
                }
            }
        }
        let step = across.div_ceil(12).max(1);
        for place in (0..across).step_by(step) {
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                LEFT + place * width + width / 2,
                24 + HIGH * cells.len() + 16,
                escape(&label(columns, place))
            );
        }
        svg.push_str("</svg></div>");
        Some(svg)
    }

    /// Parallel coordinates: one line a combination, from parameter to parameter to the objective.
    fn lines(&self) -> String {
        const WIDE: f64 = 980.0;
        const HIGH: f64 = 300.0;
        const EDGE: f64 = 60.0;
        let mut drawn: Vec<&Row> = self.tally.drawn.iter().chain(&self.tally.top).collect();
        drawn.sort_by(|a, b| {
            a.objective
                .unwrap_or(f64::NAN)
                .total_cmp(&b.objective.unwrap_or(f64::NAN))
        });
        drawn.dedup_by_key(|row| row.number);
        let Some((low, high)) = span(drawn.iter().filter_map(|row| row.objective)) else {
            return "<p class=\"under\">Fewer than two combinations have an objective, or all the same.</p>".to_owned();
        };
        let axes = self.space.axes();
        let x = |column: usize| EDGE + (WIDE - 2.0 * EDGE) * column as f64 / axes.len() as f64;
        let y = |share: f64| HIGH - 30.0 - (HIGH - 60.0) * share.clamp(0.0, 1.0);
        let mut svg = format!(
            "<div class=\"card\"><svg viewBox=\"0 0 {WIDE} {HIGH}\" role=\"img\" aria-label=\"combinations as lines\">"
        );
        let last = drawn.len().saturating_sub(1);
        for (place, row) in drawn.iter().enumerate() {
            let part = row
                .objective
                .map_or(0.0, |value| (value - low) / (high - low));
            let mut path = String::new();
            for (column, (axis, value)) in axes.iter().zip(&row.values).enumerate() {
                let _ = write!(
                    path,
                    "{}{:.1} {:.1}",
                    if column == 0 { "M" } else { "L" },
                    x(column),
                    y(along(axis, value))
                );
            }
            let _ = write!(path, "L{:.1} {:.1}", x(axes.len()), y(part));
            let (colour, width) = if place == last {
                ("#b25600".to_owned(), 2.4)
            } else {
                (shade(part), 1.0)
            };
            let _ = write!(
                svg,
                "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-opacity=\"0.75\"/>"
            );
        }
        let ends = axes.iter().map(|axis| {
            let (first, end) = match &axis.values {
                Values::Listed(values) => (values.first().map(text), values.last().map(text)),
                Values::Between { low, high } => (Some(low.to_string()), Some(high.to_string())),
            };
            (
                axis.name.clone(),
                first.unwrap_or_default(),
                end.unwrap_or_default(),
            )
        });
        let objective = (
            self.result.objective.to_string(),
            shown(self.result.objective, Some(low)),
            shown(self.result.objective, Some(high)),
        );
        for (column, (name, first, end)) in ends.chain([objective]).enumerate() {
            let x = x(column);
            let _ = write!(
                svg,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"30\" y2=\"{}\" class=\"zero\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
                 <text x=\"{x:.1}\" y=\"22\" text-anchor=\"middle\">{}</text>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                HIGH - 30.0,
                HIGH - 4.0,
                escape(&name),
                escape(&end),
                HIGH - 17.0,
                escape(&first)
            );
        }
        let _ = write!(
            svg,
            "</svg></div><p class=\"under\">{} combinations; darker is better, the best in orange.</p>",
            drawn.len()
        );
        svg
    }

    fn influence(&self) -> String {
        let mut html = "<table><thead><tr><th>parameter</th><th class=\"n\">influence</th><th>mean by value</th></tr></thead><tbody>".to_owned();
        let parts = self.tally.influence();
        for ((axis, part), cells) in self.space.axes().iter().zip(parts).zip(&self.tally.single) {
            let means: Vec<String> = cells
                .iter()
                .enumerate()
                .filter_map(|(bin, cell)| {
                    let mean = shown(self.result.objective, Some(cell.mean()?));
                    Some(format!("{}: {mean}", escape(&label(axis, bin))))
                })
                .collect();
            let _ = write!(
                html,
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"how\">{}</td></tr>",
                escape(&axis.name),
                percent(part, 0),
                means.join(" · ")
            );
        }
        html.push_str("</tbody></table><p class=\"under\">Influence is the variance of the means by value, as a part of the largest.</p>");
        html
    }

    fn inputs(&self) -> String {
        let result = self.result;
        let mut rows = vec![
            ("Component".to_owned(), result.component.to_string()),
            ("Engine".to_owned(), result.engine.clone()),
            ("Family".to_owned(), result.family.clone()),
            ("Digest".to_owned(), result.digest.to_string()),
            ("Settings".to_owned(), result.settings.to_string()),
            (
                "Parameters that were not varied".to_owned(),
                Value::Object(result.parameters.clone()).to_string(),
            ),
        ];
        rows.extend(
            result
                .axes
                .iter()
                .map(|axis| ("Varied".to_owned(), axis.to_string())),
        );
        rows.extend(result.instruments.iter().map(|one| {
            (
                one.symbol.clone(),
                format!("{} bars, {}", one.bars, one.digest),
            )
        }));
        let mut html = "<table><tbody>".to_owned();
        for (name, value) in rows {
            let _ = write!(
                html,
                "<tr><td>{}</td><td><code>{}</code></td></tr>",
                escape(&name),
                escape(&value)
            );
        }
        html.push_str("</tbody></table>");
        html
    }
}

/// Where a value lies on its axis, from 0 to 1.
fn along(axis: &Axis, value: &Value) -> f64 {
    match &axis.values {
        Values::Listed(values) => {
            let place = values.iter().position(|known| known == value).unwrap_or(0);
            let most = values.len().saturating_sub(1).max(1);
            place as f64 / most as f64
        }
        Values::Between { low, high } => (value.as_f64().unwrap_or(*low) - low) / (high - low),
    }
}

fn section(out: &mut dyn Write, title: &str, body: &str) -> io::Result<()> {
    if body.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<section>\n<h2>{}</h2>\n{body}\n</section>\n",
        escape(title)
    )
}

/// How a run ended, in a word.
impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Ending::Finished => "finished",
            Ending::Pruned => "pruned",
            Ending::Failed => "failed",
        })
    }
}
