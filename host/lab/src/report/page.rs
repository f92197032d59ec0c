//! The page: a skeleton into which style, script and data are put.

use super::markup::{ScriptSafe, escape, policy_hash};
use super::{Report, view};
use std::io::{self, Write};

const SKELETON: &str = include_str!("../../assets/page.html");

/// In the order of the cascade.
const STYLES: &[&str] = &[
    include_str!("../../assets/css/base.css"),
    include_str!("../../assets/css/parts.css"),
    include_str!("../../assets/css/charts.css"),
    include_str!("../../assets/css/media.css"),
];

/// Joined in this order inside one function, so that they share names with each other and with nothing else.
const SCRIPTS: &[&str] = &[
    include_str!("../../assets/js/dom.js"),
    include_str!("../../assets/js/format.js"),
    include_str!("../../assets/js/data.js"),
    include_str!("../../assets/js/scale.js"),
    include_str!("../../assets/js/chart.js"),
    include_str!("../../assets/js/pane.js"),
    include_str!("../../assets/js/table.js"),
    include_str!("../../assets/js/overview.js"),
    include_str!("../../assets/js/prices.js"),
    include_str!("../../assets/js/proposals.js"),
    include_str!("../../assets/js/detail.js"),
    include_str!("../../assets/js/models.js"),
    include_str!("../../assets/js/comparison.js"),
    include_str!("../../assets/js/evidence.js"),
    include_str!("../../assets/js/main.js"),
];

/// Writes the page.
pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let style = STYLES.concat();
    let script = script();
    let mut rest = SKELETON;
    while let Some((before, after)) = rest.split_once("{{") {
        out.write_all(before.as_bytes())?;
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        match name {
            "title" => out.write_all(escape(&report.title).as_bytes())?,
            "policy" => write!(
                out,
                "default-src 'none'; base-uri 'none'; form-action 'none'; style-src {}; script-src {}",
                policy_hash(&style),
                policy_hash(&script)
            )?,
            "style" => out.write_all(style.as_bytes())?,
            "script" => out.write_all(script.as_bytes())?,
            "data" => serde_json::to_writer(ScriptSafe(&mut *out), &view::page(report))?,
            other => {
                return Err(io::Error::other(format!(
                    "the page's skeleton names an unknown part '{other}'"
                )));
            }
        }
        rest = after;
    }
    out.write_all(rest.as_bytes())
}

fn script() -> String {
    format!("(() => {{\n\"use strict\";\n{}}})();\n", SCRIPTS.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one address that may occur: the name of SVG's vocabulary, which nothing fetches.
    const SVG: &str = "http://www.w3.org/2000/svg";

    #[test]
    fn the_page_names_nothing_outside_itself() {
        for source in STYLES.iter().chain(SCRIPTS).chain([&SKELETON]) {
            let source = source.replace(SVG, "");
            for outside in [
                "http:",
                "https:",
                "//cdn",
                "@import",
                "url(",
                "import(",
                "fetch(",
                "XMLHttpRequest",
            ] {
                assert!(!source.contains(outside), "{outside}");
            }
        }
    }

    #[test]
    fn no_script_or_style_ends_its_own_element_or_writes_markup() {
        for source in STYLES.iter().chain(SCRIPTS) {
            for tag in [
                "</script",
                "</style",
                "<!--",
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "createContextualFragment",
                "DOMParser",
                "document.write",
                "srcdoc",
                "eval(",
                "Function(",
                "javascript:",
            ] {
                assert!(!source.contains(tag), "{tag}");
            }
        }
    }

    #[test]
    fn the_policy_admits_exactly_the_script_and_the_style_of_the_page() {
        let page = SKELETON
            .replace("{{style}}", &STYLES.concat())
            .replace("{{script}}", &script());
        assert!(page.contains(&format!("<style>{}</style>", STYLES.concat())));
        assert!(page.contains(&format!("<script>{}</script>", script())));
        assert_eq!(page.matches("<script>").count(), 1);
        assert_eq!(page.matches("<style>").count(), 1);
    }

    #[test]
    fn no_asset_is_longer_than_a_file_should_be() {
        for source in STYLES.iter().chain(SCRIPTS).chain([&SKELETON]) {
            assert!(source.lines().count() <= 500);
        }
    }
}
