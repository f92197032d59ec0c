//! The tear sheet of a run: one page without a script, self-contained, to read and to print.
//!
//! Its drawings come from charts of bounded size, its tables are cut at a length they state, so the page stays under a
//! megabyte for millions of bars; only months and instruments make it longer. It loads nothing, its content security
//! policy lets nothing run, and all text that others word is escaped.

mod charts;
mod days;
mod plot;
mod scale;
mod tables;
pub(crate) mod words;

use super::markup::{escape, policy_hash};
use crate::result::{Label, RunResult, Status};
use crate::statistics::{Envelope, Figure, Performance};
use std::io::{self, Write};
use words::{date, grouped};

pub(crate) const STYLE: &str = include_str!("../../../assets/sheet/sheet.css");

/// Prices of one instrument, as raw as the fills.
#[derive(Debug, Clone)]
pub struct PriceSeries {
    /// The number that trades name it by.
    pub instrument: u32,
    /// Its symbol.
    pub symbol: String,
    /// Its bars.
    pub prices: Envelope,
}

/// What a tear sheet shows.
#[derive(Debug, Clone, Copy)]
pub struct Sheet<'a> {
    /// The result.
    pub result: &'a RunResult,
    /// What it was computed from.
    pub performance: &'a Performance,
    /// Prices to draw trades on; the first twelve are.
    pub prices: &'a [PriceSeries],
}

impl Sheet<'_> {
    /// Writes the page.
    ///
    /// # Errors
    /// What writing to `out` ends in.
    pub fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let result = self.result;
        let title = escape(&format!("{} {}", result.run.strategy, result.run.version));
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; \
             form-action 'none'; style-src {}\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{title} · backtest</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
            policy_hash(STYLE)
        )?;
        self.head(&title, out)?;
        out.write_all(b"<main>\n")?;
        self.section(out, "What to doubt", &tables::diagnoses(self), None)?;
        self.section(out, "Equity", &charts::equity(self), None)?;
        let months = days::heat_map(&self.performance.curve.days);
        if !months.is_empty() {
            let card = format!("<div class=\"card\">{months}</div>");
            self.section(out, "Returns by month", &card, None)?;
        }
        let rolling = charts::rolling_sharpe(self);
        let window = days::window(result.statistics.annualization);
        let under = format!("Of the latest {window} daily returns, annualised.");
        self.section(out, "Rolling Sharpe ratio", &rolling, Some(&under))?;
        let exposure = charts::exposure(self);
        self.section(out, "Gross exposure over equity", &exposure, None)?;
        let distribution = charts::distribution(self);
        if !distribution.is_empty() {
            let pair = format!(
                "<div class=\"pair\"><div class=\"card chart\">{distribution}</div><div class=\"card\">{}</div></div>",
                self.shape()
            );
            self.section(out, "Daily returns", &pair, None)?;
        }
        let prices: String = self
            .prices
            .iter()
            .take(charts::PRICE_CHARTS)
            .map(|series| charts::price(self, series))
            .collect();
        let more = self.prices.len().saturating_sub(charts::PRICE_CHARTS);
        let under = (more > 0).then(|| format!("{more} more instruments are not drawn."));
        self.section(out, "Trades on price", &prices, under.as_deref())?;
        self.section(out, "Statistics", &tables::statistics(self), None)?;
        self.section(out, "Trades", &tables::trades(self), None)?;
        self.section(out, "What was run", &tables::inputs(self), None)?;
        writeln!(
            out,
            "</main>\n<footer>Made from <code>result.json</code> (format {}) beside this page.</footer>\n</body>\n</html>",
            result.format
        )
    }

    fn head(&self, title: &str, out: &mut dyn Write) -> io::Result<()> {
        let result = self.result;
        let label = match result.label {
            Label::ByConstruction => {
                "<span class=\"badge\" title=\"The strategy was given one bar at a time and had no \
                                      later one to reach for.\">no look-ahead by construction</span>"
                    .to_owned()
            }
            Label::Audited { cuts } => {
                format!(
                    "<span class=\"badge warn\" title=\"The strategy saw whole series; what it said of their \
                     pasts did not change with their futures at {cuts} places. Not a proof.\">look-ahead audited</span>"
                )
            }
        };
        let symbols: Vec<&str> = result
            .run
            .instruments
            .iter()
            .map(|i| i.symbol.as_str())
            .take(8)
            .collect();
        let more = result.run.instruments.len().saturating_sub(symbols.len());
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let range = match (result.totals.from, result.totals.to) {
            (Some(from), Some(to)) => format!("{} to {}", date(from), date(to)),
            _ => "no bars".to_owned(),
        };
        writeln!(
            out,
            "<header>\n<h1>{title}</h1>\n<p class=\"lead\">{label}<span class=\"badge warn\">Simulated</span>\
             {}{more} · {range} · {} bars · {}</p>",
            escape(&symbols.join(", ")),
            grouped(result.totals.bars as f64, 0),
            escape(&result.currency)
        )?;
        if let Status::Partial { error, time } = &result.status {
            writeln!(
                out,
                "<p class=\"partial\"><b>This run failed on {} and is told of up to then only:</b> {}</p>",
                date(*time),
                escape(error)
            )?;
        }
        let tried = match &result.deflation {
            None => "How many settings were tried before this one cannot be seen here, and the best of many is good by \
                     chance."
                .to_owned(),
            Some(deflation) => format!(
                "{} trials of family {} are on record for this time, this one included; the probability that its true \
                 Sharpe ratio is above what the best of as many shows by chance is {}.",
                grouped(deflation.deflated.trials as f64, 0),
                escape(&deflation.family),
                deflation
                    .deflated
                    .dsr
                    .map_or_else(|| "not defined".to_owned(), |dsr| words::percent(dsr, 1))
            ),
        };
        writeln!(
            out,
            "<p class=\"caveat\">Fills are modelled and moved no market. Instruments are picked among those that are \
             still there. {tried}</p>\n<div class=\"tiles\">"
        )?;
        let statistics = &result.statistics;
        let curve = &statistics.curve;
        let figures: [(&str, &Figure); 5] = [
            ("Total return", &curve.total_return),
            ("CAGR", &curve.cagr),
            ("Sharpe ratio", &curve.sharpe),
            ("Max drawdown", &curve.max_drawdown.figure),
            (
                "True Sharpe above 0",
                &statistics.returns.probabilistic_sharpe,
            ),
        ];
        for (label, figure) in figures {
            write!(
                out,
                "<div class=\"tile\" title=\"{}\"><span>{label}</span><b>{}</b></div>",
                escape(&figure.convention),
                words::figure(figure)
            )?;
        }
        writeln!(
            out,
            "<div class=\"tile\"><span>Closed trades</span><b>{}</b></div></div>\n</header>",
            grouped(statistics.trades.closed as f64, 0)
        )
    }

    /// A section; none where there is nothing to show.
    fn section(
        &self,
        out: &mut dyn Write,
        title: &str,
        content: &str,
        under: Option<&str>,
    ) -> io::Result<()> {
        if content.is_empty() {
            return Ok(());
        }
        writeln!(out, "<section>\n<h2>{title}</h2>\n{content}")?;
        if let Some(under) = under {
            writeln!(out, "<p class=\"under\">{under}</p>")?;
        }
        out.write_all(b"</section>\n")
    }

    /// The shape of daily returns beside their distribution.
    fn shape(&self) -> String {
        let returns = &self.result.statistics.returns;
        let rows: String = returns
            .rows()
            .iter()
            .map(|(label, figure)| {
                format!(
                    "<tr><td>{label}</td><td class=\"n\" title=\"{}\">{}</td></tr>",
                    escape(&figure.convention),
                    words::figure(figure)
                )
            })
            .collect();
        let days = grouped(returns.observations as f64, 0);
        format!(
            "<table><tbody><tr><td>Days</td><td class=\"n\">{days}</td></tr>{rows}</tbody></table>"
        )
    }

    fn symbol(&self, handle: u32) -> &str {
        let mut instruments = self.result.run.instruments.iter();
        instruments
            .find(|instrument| instrument.handle == handle)
            .map_or("", |instrument| &instrument.symbol)
    }
}
