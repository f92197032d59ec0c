//! A drawing over time as SVG, in bounded size. All marks are numbers or our own words, so nothing needs escaping.

use super::scale::{Linear, moments, ticks};
use crate::statistics::Bucket;
use std::fmt::Write;

/// Width of every drawing, in its own units.
pub(super) const WIDTH: f64 = 1_080.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 20.0;

/// A drawing in the making.
pub(super) struct Plot {
    svg: String,
    x: Linear,
    y: Linear,
    height: f64,
}

impl Plot {
    /// An empty one with grid and texts. `label` says how a value is written.
    pub(super) fn new(
        title: &str,
        height: f64,
        (from, to): (i64, i64),
        (low, high): (f64, f64),
        label: impl Fn(f64) -> String,
    ) -> Self {
        let x = Linear::new(from as f64, to as f64, LEFT, WIDTH - RIGHT);
        let y = Linear::new(low, high, height - BOTTOM, TOP);
        let mut svg =
            format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">");
        for value in ticks(low, high) {
            let at = y.at(value);
            let class = if value == 0.0 { "zero" } else { "grid" };
            let _ = write!(
                svg,
                "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                at + 4.0,
                label(value)
            );
        }
        for (time, text) in moments(from, to) {
            let at = x.at(time as f64);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>",
                height - BOTTOM
            );
            // A text that would reach over the edge is left out.
            if at < WIDTH - RIGHT - 20.0 {
                let _ = write!(
                    svg,
                    "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                    height - 5.0
                );
            }
        }
        Plot { svg, x, y, height }
    }

    /// A line through the last value of every bucket over a band from the lowest to the highest.
    pub(super) fn series(&mut self, buckets: &[Bucket], class: &str) {
        if buckets.iter().any(|bucket| bucket.low < bucket.high) {
            self.svg
                .push_str(&format!("<path class=\"band {class}\" d=\""));
            let above = buckets.iter().map(|bucket| (bucket.to, bucket.high));
            let below = buckets.iter().rev().map(|bucket| (bucket.to, bucket.low));
            self.points(above.chain(below));
            self.svg.push_str("Z\"/>");
        }
        self.line(buckets.iter().map(|bucket| (bucket.to, bucket.last)), class);
    }

    /// A line.
    pub(super) fn line(&mut self, points: impl Iterator<Item = (i64, f64)>, class: &str) {
        self.svg
            .push_str(&format!("<path class=\"line {class}\" d=\""));
        self.points(points);
        self.svg.push_str("\"/>");
    }

    /// An area between zero and the furthest value of every bucket.
    pub(super) fn area(&mut self, buckets: &[Bucket], class: &str) {
        let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else {
            return;
        };
        self.svg.push_str(&format!("<path class=\"{class}\" d=\""));
        let furthest = |bucket: &Bucket| {
            if bucket.high.abs() >= bucket.low.abs() {
                bucket.high
            } else {
                bucket.low
            }
        };
        let ends = [(last.to, 0.0), (first.from, 0.0)];
        let edge = buckets.iter().flat_map(|bucket| {
            let value = furthest(bucket);
            [(bucket.from, value), (bucket.to, value)]
        });
        self.points(edge.chain(ends));
        self.svg.push_str("Z\"/>");
    }

    /// A triangle that points up or down, filled or, for an exit, hollow.
    pub(super) fn mark(&mut self, time: i64, value: f64, up: bool, class: &str) {
        const HALF: f64 = 4.5;
        let (x, y) = (self.x.at(time as f64), self.y.at(value));
        let tip = if up { -HALF } else { HALF };
        let _ = write!(
            self.svg,
            "<path class=\"mark {class}\" d=\"M{x:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}Z\"/>",
            y + tip,
            x - HALF,
            y - tip,
            x + HALF,
            y - tip
        );
    }

    /// The drawing.
    pub(super) fn finish(mut self) -> String {
        self.svg.push_str("</svg>");
        self.svg
    }

    fn points(&mut self, points: impl Iterator<Item = (i64, f64)>) {
        let mut command = 'M';
        let mut last = (f64::NAN, f64::NAN);
        for (time, value) in points.filter(|(_, value)| value.is_finite()) {
            // Tenths of a unit are finer than a screen or a printer shows.
            let at = (
                (self.x.at(time as f64) * 10.0).round() / 10.0,
                (self.y.at(value).clamp(-1.0, self.height + 1.0) * 10.0).round() / 10.0,
            );
            if at != last {
                let _ = write!(self.svg, "{command}{} {}", at.0, at.1);
                command = 'L';
                last = at;
            }
        }
    }
}

/// Columns of counts, each with the range it stands for; those below zero in another colour.
pub(super) fn histogram(
    title: &str,
    bins: &[(f64, f64, u64)],
    label: impl Fn(f64) -> String,
) -> String {
    const HEIGHT: f64 = 230.0;
    const SPAN: f64 = WIDTH / 2.0;
    const FOOT: f64 = HEIGHT - BOTTOM;
    let (Some(first), Some(last)) = (bins.first(), bins.last()) else {
        return String::new();
    };
    let most = bins.iter().map(|(_, _, count)| *count).max().unwrap_or(0) as f64;
    let x = Linear::new(first.0, last.1, 40.0, SPAN - RIGHT);
    let y = Linear::new(0.0, most.max(1.0), FOOT, TOP);
    let mut svg =
        format!("<svg viewBox=\"0 0 {SPAN} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">");
    for count in ticks(0.0, most.max(1.0)) {
        let at = y.at(count);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"40\" x2=\"{:.0}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"35\" y=\"{:.1}\" text-anchor=\"end\">{count:.0}</text>",
            SPAN - RIGHT,
            at + 4.0
        );
    }
    for (from, to, count) in bins {
        let (start, end, top) = (x.at(*from), x.at(*to), y.at(*count as f64));
        let class = if from + to < 0.0 { "down" } else { "up" };
        let _ = write!(
            svg,
            "<rect class=\"column {class}\" x=\"{start:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            (end - start - 1.0).max(0.5),
            FOOT - top
        );
    }
    for value in ticks(first.0, last.1) {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            x.at(value),
            HEIGHT - 5.0,
            label(value)
        );
    }
    svg.push_str("</svg>");
    svg
}
