//! `bulkhead data list`

use crate::options::GlobalOptions;
use crate::output;
use bulkhead_domain::Problem;
use bulkhead_market::Catalog;
use bulkhead_market::catalog::interval_name;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder of the catalog; catalog in the state folder unless given
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
}

pub(crate) fn run(options: &GlobalOptions, arguments: &Arguments) -> Result<(), Problem> {
    let folder = arguments
        .catalog
        .clone()
        .unwrap_or_else(|| options.catalog());
    let entries = Catalog::open(&folder)?.list()?;
    if options.json {
        return output::json(&entries);
    }
    if entries.is_empty() {
        return output::line(format!(
            "no bars in {}; import some with `bulkhead data import FILE.csv`",
            folder.display()
        ));
    }
    output::table(
        ["symbol", "of", "bars", "first", "last", "sha-256", "source"],
        entries.into_iter().map(|entry| {
            [
                entry.symbol,
                interval_name(entry.interval_ns),
                entry.rows.to_string(),
                entry.first.date(),
                entry.last.date(),
                entry.digest.short(),
                entry.provenance.source,
            ]
        }),
    )
}
