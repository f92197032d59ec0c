//! `bulkhead paper`: a session over history, its controls, and the report.

use crate::environment::Environment;
use crate::halt::{now, person};
use crate::kept;
use crate::operations::PluginOperations;
use crate::output::{self, line, table};
use crate::running::{Caretaker, Running};
use crate::shadows::Keeper;
use bulkhead_desk::switch::control::{self, Operations};
use bulkhead_desk::switch::{self, BRIEFLY, Gate, GatewayLock};
use bulkhead_domain::{Blame, Problem, Timestamp};
use bulkhead_lab::report::{Control, Expectation, Report, write};
use bulkhead_lab::terminal;
use bulkhead_market::Catalog;
use bulkhead_registry::{Installed, Registry};
use bulkhead_session::config::{Expect, SessionConfig, StrategyConfig};
use bulkhead_session::record::Ending;
use bulkhead_session::{Host, Incoming, Prepared, Ran, Run, Shadows, Views, Watch, began_with};
use bulkhead_store::Store;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::cell::Cell;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What to run, and where the report goes.
#[derive(Debug, clap::Args)]
pub(crate) struct PaperArgs {
    /// The session's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Folder that the report goes to.
    #[arg(long, value_name = "DIR", default_value = "out/paper")]
    out: PathBuf,
    /// Run one more strategy on every instrument, with its default settings.
    #[arg(long, value_name = "FILE.wasm")]
    with: Vec<PathBuf>,
    /// Leave the controls out.
    #[arg(long)]
    no_controls: bool,
    /// Begin anew where an earlier run of the same session was killed, instead of resuming it.
    #[arg(long)]
    fresh: bool,
}

/// How far a session is: a bar on a terminal, a line a tenth otherwise, nothing where a machine reads.
struct Meter {
    bar: Option<ProgressBar>,
    plain: bool,
    name: String,
    total: u64,
    tenth: u64,
}

impl Meter {
    fn new(name: &str, total: u64, json: bool) -> Meter {
        let terminal = std::io::stderr().is_terminal() && !json;
        let bar = terminal.then(|| {
            let bar =
                ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
            let template =
                "{prefix:24} [{bar:30}] {percent:>3}% {msg} {elapsed_precise}, {eta} to go";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_prefix(name.to_owned());
            bar
        });
        Meter {
            bar,
            plain: !terminal && !json,
            name: name.to_owned(),
            total,
            tenth: 0,
        }
    }
}

impl Watch for Meter {
    fn progress(&mut self, done: u64, time: Timestamp) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(time.date());
        }
        let tenth = done * 10 / self.total.max(1);
        if self.plain && tenth > self.tenth {
            self.tenth = tenth;
            output::note(&format!(
                "{}: {} of {} bars, {}",
                self.name,
                done,
                self.total,
                time.date()
            ));
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Everything a run needs from outside.
struct Stage<'a> {
    environment: &'a Environment,
    runtime: tokio::runtime::Runtime,
    store: Store,
    gate: Arc<Gate>,
    person: String,
    fresh: bool,
    incoming: Arc<Incoming>,
    /// What the first session, which is no control, mirrors its calls to.
    shadows: Cell<Option<Arc<Shadows>>>,
    interrupted: Arc<AtomicBool>,
    json: bool,
}

impl Stage<'_> {
    /// Prepares the session of a configuration file.
    fn prepare(&self, config: SessionConfig, file: &Path) -> Result<Prepared, Problem> {
        let registry = self.registry(&config)?;
        let host = Host {
            registry: &registry,
            catalog: Catalog::open(&self.environment.catalog)?,
            runtime: &self.runtime,
            store: self.gate.writer().map(|writer| (&self.store, writer)),
        };
        let base = file.parent().unwrap_or(Path::new("."));
        Prepared::new(config, base, &host).map_err(|problem| placed(problem, file))
    }

    /// Where a session's plugins come from: those that it began with, where it is to be resumed.
    fn registry(&self, config: &SessionConfig) -> Result<Registry, Problem> {
        let registry = &self.environment.registry;
        if self.fresh {
            return Ok(registry.clone());
        }
        Ok(registry.pinned(began_with(&self.store, config)?))
    }

    fn run(
        &self,
        prepared: &Prepared,
        name: &str,
        veto: bool,
        keep: bool,
        repeat: Option<Views>,
    ) -> Result<Ran, Problem> {
        let mut meter = Meter::new(name, prepared.bars(), self.json);
        let registry = self.registry(prepared.config())?;
        let shadows = self.shadows.take();
        let run = Run {
            registry: &registry,
            runtime: &self.runtime,
            store: keep.then_some(&self.store),
            repeat,
            veto,
            gate: &self.gate,
            fresh: self.fresh,
            incoming: keep.then_some(&*self.incoming),
            shadows: shadows.as_ref(),
            by: (&self.person, now()),
            interrupted: &self.interrupted,
        };
        prepared.run(run, &mut meter)
    }

    fn stopped(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Problem> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| {
            Problem::host(
                format!("the I/O threads do not start: {error}"),
                "free some threads",
            )
        })
}

/// Where a mistake in a session's settings is, unless it names another file itself.
fn placed(problem: Problem, file: &Path) -> Problem {
    if problem.blame == Blame::Host {
        return problem;
    }
    let mend = match problem.mend.as_str() {
        "" => "correct the settings".to_owned(),
        mend => mend.to_owned(),
    };
    let file = problem.file.clone().unwrap_or_else(|| file.to_owned());
    Problem { mend, ..problem }.in_file(file)
}

/// The first Ctrl-C ends the session after the bar at hand; a second one ends the process.
fn listen(runtime: &tokio::runtime::Runtime) -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    runtime.spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            output::note(
                "ending after the bar at hand; what was done is kept (Ctrl-C again to end at once)",
            );
        }
    });
    interrupted
}

/// Runs the command.
pub(crate) fn run(
    arguments: &PaperArgs,
    environment: Environment,
    json: bool,
) -> Result<(), Problem> {
    let begun = Instant::now();
    let mut config = SessionConfig::read(&arguments.config)?;
    for path in &arguments.with {
        config.strategies.push(extra(path, &environment, &config)?);
    }
    let base = arguments.config.parent().unwrap_or(Path::new("."));
    let here = |problem| placed(problem, &arguments.config);
    // Where the report will go is checked before anything is computed for it.
    std::fs::create_dir_all(&arguments.out).map_err(|error| {
        Problem::user(
            format!("the report's folder cannot be made: {error}"),
            "name another with --out",
        )
        .in_file(&arguments.out)
    })?;
    let runtime = runtime()?;
    let interrupted = listen(&runtime);
    let store = kept::open(&environment.state)?;
    let environment = environment.with_installed(&store);
    // From here on this process owns the broker connections of the state folder, and answers for them.
    let _lock = GatewayLock::take_within(&environment.state, BRIEFLY)?;
    let gate = Arc::new(switch::open(&store, &environment.state)?);
    let incoming = Arc::new(Incoming::default());
    let installed = Installed::new(store.clone(), &environment.state);
    let loader = Arc::clone(environment.registry.loader());
    let keeper = Arc::new(Keeper::new(installed.clone(), Arc::clone(&loader))?);
    let operations = PluginOperations {
        installed,
        store: store.clone(),
        loader,
        gate: Arc::clone(&gate),
        live: Arc::new(Running(Arc::clone(&incoming), Arc::clone(&keeper))),
    };
    let operations = Arc::new(operations);
    // What the session could not take after all is not in service: what is installed says so again.
    let refused = Arc::downgrade(&operations);
    incoming.tell(Caretaker(refused));
    let listening: Arc<dyn Operations> = Arc::<PluginOperations>::clone(&operations);
    let _control = control::Control::start(&environment.state, Arc::clone(&gate), listening)?;
    let _keeping = keeper.start(operations)?;
    let stage = Stage {
        environment: &environment,
        runtime,
        store,
        gate,
        person: person(),
        fresh: arguments.fresh,
        incoming,
        shadows: Cell::new(Some(Arc::clone(keeper.shadows()))),
        interrupted,
        json,
    };
    if !json {
        for latch in stage.gate.latches().iter() {
            output::note(&format!(
                "trading is {} in scope {} since {}: {}",
                latch.state, latch.scope, latch.time, latch.reason
            ));
        }
    }

    let controls = if arguments.no_controls {
        Vec::new()
    } else {
        std::mem::take(&mut config.controls)
    };
    let heeded = config
        .validation
        .as_ref()
        .is_some_and(|validation| validation.veto);
    let name = config.name.clone();
    let prepared = stage.prepare(config, &arguments.config)?;
    let main = stage
        .run(&prepared, &name, true, true, None)
        .map_err(here)?;
    if heeded && main.operated {
        output::note(
            "versions were put in service while the session ran, so it is not compared with one without the veto",
        );
    }
    let without = if heeded && !main.operated && !stage.stopped() {
        let name = format!("{name} without veto");
        let ran = stage
            .run(&prepared, &name, false, false, Some(main.views))
            .map_err(here)?;
        // One that was cut short is no comparison.
        Some(ran.record).filter(|record| record.ending == Ending::Completed)
    } else {
        None
    };
    drop(prepared);
    let mut judged = Vec::new();
    for control in controls {
        if stage.stopped() {
            break;
        }
        let path = base.join(&control.config);
        let prepared = stage.prepare(SessionConfig::read(&path)?, &path)?;
        let record = stage
            .run(&prepared, &control.name, true, true, None)
            .map_err(|problem| placed(problem, &path))?
            .record;
        if record.ending == Ending::Interrupted {
            // What was cut short came out neither right nor wrong.
            break;
        }
        let expectation = match control.expect {
            Expect::FoundAndTraded => Expectation::FoundAndTraded,
            Expect::NotTraded => Expectation::NotTraded,
        };
        judged.push(Control::judged(control.name, expectation, record));
    }
    let report = Report::new(
        name,
        arguments.config.display().to_string(),
        main.record,
        without,
        judged,
    );
    let written = write(&report, &arguments.out)?;
    let seconds = begun.elapsed().as_secs_f64();
    if json {
        let result = json!({
            "session": report.main.id,
            "run": main.run,
            "ending": report.main.ending,
            "digest": report.main.digest,
            "totals": report.main.totals,
            "controls": report.controls.iter().map(|control| json!({
                "name": control.name, "passed": control.passed, "digest": control.session.digest,
            })).collect::<Vec<_>>(),
            "incidents": report.main.incidents.len(),
            "swaps": report.main.swaps,
            "html": written.html,
            "json": written.json,
            "seconds": seconds,
            "peak_rss_mb": peak_rss_mb(),
        });
        output::line(result.to_string())?;
    } else {
        show(
            &report,
            main.run.as_deref(),
            &written.html,
            seconds,
            &environment,
        )?;
    }
    match report.controls.iter().find(|control| !control.passed) {
        Some(control) => Err(Problem::host(
            format!(
                "control \"{}\" came out wrong: it {}",
                control.name,
                control.expectation.text()
            ),
            "do not trust this build's models; see the report",
        )),
        None => Ok(()),
    }
}

/// One more strategy, on every instrument.
fn extra(
    path: &Path,
    environment: &Environment,
    config: &SessionConfig,
) -> Result<StrategyConfig, Problem> {
    let plugin = environment.registry.load(&path.display().to_string())?;
    plugin
        .expect_kind(bulkhead_manifest::Kind::Strategy)
        .map_err(|problem| problem.in_file(path))?;
    let id = plugin.manifest().id.clone();
    let taken = config.strategies.iter().any(|strategy| strategy.name == id);
    Ok(StrategyConfig {
        name: if taken { format!("{id}-with") } else { id },
        plugin: path.display().to_string(),
        config: toml::Table::new(),
        symbols: None,
        sizing: None,
    })
}

/// Largest memory this process has had resident, in 10^6 bytes; `None` where the system does not tell.
fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

fn show(
    report: &Report,
    run: Option<&str>,
    html: &Path,
    seconds: f64,
    environment: &Environment,
) -> Result<(), Problem> {
    let summary = terminal::summary(report);
    table(
        ["", &report.title],
        summary
            .rows
            .into_iter()
            .map(|(label, value)| [label, value]),
    )?;
    if !summary.models.is_empty() {
        let rows = summary.models.into_iter().map(|model| {
            [
                model.symbol,
                model.candidate,
                model.skill,
                model.samples,
                model.bars,
                model.fits,
            ]
        });
        table(["symbol", "model", "skill", "labels", "bars", "fits"], rows)?;
    }
    if !summary.controls.is_empty() {
        let rows = summary.controls.into_iter().map(|control| {
            let verdict = if control.passed { "passed" } else { "FAILED" };
            [
                control.name,
                control.expectation,
                control.outcome,
                verdict.to_owned(),
            ]
        });
        table(["control", "expectation", "outcome", ""], rows)?;
    }
    for swap in &report.main.swaps {
        line(format!("swapped: {swap}"))?;
    }
    for incident in summary.incidents {
        line(format!("contained: {incident}"))?;
    }
    let last = report
        .main
        .proposals
        .iter()
        .rev()
        .find(|proposal| proposal.decision.starts_with("t-"));
    if let Some(proposal) = last {
        line(format!(
            "why a trade was made: bulkhead --state {} explain {}",
            environment.state.display(),
            proposal.decision
        ))?;
    }
    if let Some(run) = run {
        line(format!(
            "what it did to the account: bulkhead --state {} statement --run {run}",
            environment.state.display(),
        ))?;
        line(format!(
            "whether its records are whole: bulkhead --state {} audit verify",
            environment.state.display(),
        ))?;
    }
    line(format!("report: {}", html.display()))?;
    line(format!("digest: {}", report.main.digest))?;
    line(format!("took {seconds:.1} s"))
}
