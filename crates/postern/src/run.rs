// SPDX-License-Identifier: Apache-2.0
//! A running Postern: source → compile → published, on the control runtime, beside the data plane's own threads.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use postern_model::{Finding, Kind, Severity};
use postern_serve::{Edge, EdgeConfig, Published};
use postern_snapshot::Snapshot;
use postern_source::{Changed, Summary};
use tokio::sync::mpsc;
use tokio::task::block_in_place;

use crate::config::Config;
use crate::findings::{Tally, severity_word};
use crate::line::{Line, now};
use crate::log::Log;
use crate::state::State;
use crate::{admin, changes};

/// How often the clock is looked at, at least: it may be set.
const TICK: Duration = Duration::from_secs(60);
/// How many new findings of one change are logged one by one.
const MAX_LOGGED: usize = 20;

/// The runtime of everything that is not a request: it can never starve the workers, nor they it.
pub(crate) fn control_runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("postern-control")
        .enable_all()
        .build()
        .context("the control runtime cannot be started")
}

/// A Postern that serves folders.
pub(crate) struct Running {
    line: Line,
    changes: mpsc::Receiver<Changed>,
    published: Arc<Published>,
    state: Arc<State>,
    /// What was found so far, to tell what is new.
    found: BTreeSet<String>,
    /// A step ended half done, and the line could not start over yet.
    broken: bool,
    log: Log,
}

impl Running {
    /// Reads the folders, compiles and publishes them, and only then opens the entry points (I18).
    pub(crate) async fn start(
        mut config: Config,
        folders: &[PathBuf],
    ) -> anyhow::Result<(Self, Edge)> {
        let log = Log::new(config.log_level);
        let entry_points = config.settings.entry_points.clone();
        let published = Arc::new(Published::default());
        let state = Arc::new(State::new(published.clone(), entry_points));
        let line = Line::open(folders, config.settings)?;
        if let Some(address) = config.admin {
            let address = admin::start(address, state.clone(), log).await?;
            log.info(format!("admin listens on {address}"));
            config.edge.upstream.own_sockets.push(address);
        }
        let changes = changes::watch(folders, log);
        let found = BTreeSet::new();
        let mut running = Self { line, changes, published, state, found, broken: false, log };
        let started = Instant::now();
        let (snapshot, summary) = block_in_place(|| running.line.load());
        running.publish(snapshot, started, &loaded(&summary));
        let edge = running.open(config.edge)?;
        Ok((running, edge))
    }

    fn open(&self, config: EdgeConfig) -> anyhow::Result<Edge> {
        let entry_points = config.entry_points.clone();
        let edge = Edge::start(config, self.published.clone())?;
        self.state.serves(edge.metrics());
        for entry_point in entry_points {
            let protocol = if entry_point.tls { "https" } else { "http" };
            for address in edge.addresses(&entry_point.name) {
                let name = &entry_point.name;
                self.log.info(format!("entry point {name} listens on {protocol}://{address}"));
            }
        }
        Ok(edge)
    }

    /// Follows the folders and the clock for ever.  May be dropped at any point.
    pub(crate) async fn follow(&mut self) {
        loop {
            self.step().await;
        }
    }

    /// Follows one change of the folders, or of the time.
    pub(crate) async fn step(&mut self) {
        let tick = tokio::time::sleep(self.until_deadline());
        tokio::select! {
            changed = self.changes.recv() => match changed {
                Some(changed) => self.change(&changed),
                None => std::future::pending().await,
            },
            () = tick => self.tick(),
        }
    }

    /// What the admin server tells.
    pub(crate) fn state(&self) -> Arc<State> {
        self.state.clone()
    }

    /// What there is to say about what is served now.
    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    /// Reads what has changed, and serves it.
    fn change(&mut self, changed: &Changed) {
        if let Changed::Files(paths) = changed {
            paths.iter().for_each(|path| self.log.debug(format!("{} changed", path.display())));
        }
        self.attempt(|line| {
            let (snapshot, summary) = line.follow(changed);
            (snapshot, followed(changed, &summary))
        });
    }

    /// Serves what time alone has changed: a quarantine has ended, a certificate has become valid.
    fn tick(&mut self) {
        if self.line.deadline().is_some_and(|deadline| deadline <= now()) {
            let what = "the time has come for a claim or a certificate";
            self.attempt(|line| (line.compile(), what.to_owned()));
        }
    }

    /// Takes one step of the line and serves what it gives.  A panic is a defect of ours, and no reason to end for
    /// everybody: what is served stays, and the line starts over (I17, I21).
    fn attempt(&mut self, step: impl FnOnce(&mut Line) -> (Snapshot, String)) {
        let started = Instant::now();
        let last = self.published.load().generation();
        let (line, broken) = (&mut self.line, &mut self.broken);
        // What a panic leaves half done is thrown away, and not looked at before.
        let served = block_in_place(|| {
            if !*broken && let Ok(served) = catch_unwind(AssertUnwindSafe(|| step(line))) {
                return Some(served);
            }
            *broken = true;
            let fresh = catch_unwind(AssertUnwindSafe(|| line.start_over(last))).ok()?;
            let (fresh, snapshot, summary) = fresh.ok()?;
            (*line, *broken) = (fresh, false);
            Some((snapshot, format!("started over: {}", loaded(&summary))))
        });
        match served {
            Some((snapshot, what)) => self.publish(snapshot, started, &what),
            None => self.log.error("a change cannot be compiled: what was served before stays"),
        }
    }

    fn until_deadline(&self) -> Duration {
        let Some(deadline) = self.line.deadline() else { return TICK };
        let left = deadline.0.saturating_sub(now().0);
        // At least a second: a deadline that stays in the past must not make this spin.
        Duration::from_secs(u64::try_from(left).unwrap_or(0)).clamp(Duration::from_secs(1), TICK)
    }

    fn publish(&mut self, snapshot: Snapshot, started: Instant, what: &str) {
        let generation = snapshot.generation();
        self.published.replace(snapshot);
        let took = started.elapsed();
        let findings: Vec<Finding> = self.line.findings().collect();
        let tally = Tally::of(&findings);
        self.state.compiled(took, tally);
        let millis = took.as_secs_f64() * 1e3;
        self.log.info(format!("generation {generation}: {what}; {tally}; {millis:.1} ms"));
        self.tell_news(&findings);
    }

    /// Logs what was not found before.  Beyond a thousand findings nobody reads them in a log, and comparing them would
    /// make a small change dear: `postern validate` shows them all.
    fn tell_news(&mut self, findings: &[Finding]) {
        let found: BTreeSet<String> = if findings.len() > 1000 {
            BTreeSet::new()
        } else {
            findings.iter().filter(|f| is_worth_a_line(f)).map(sentence).collect()
        };
        let news: Vec<&String> = found.difference(&self.found).collect();
        for sentence in news.iter().take(MAX_LOGGED) {
            self.log.warn(sentence);
        }
        if let Some(more) = news.len().checked_sub(MAX_LOGGED).filter(|more| *more > 0) {
            self.log.warn(format!("{more} more findings: see postern validate"));
        }
        self.found = found;
    }
}

fn is_worth_a_line(finding: &Finding) -> bool {
    finding.severity > Severity::Info
}

/// A finding in one line.
pub(crate) fn sentence(finding: &Finding) -> String {
    let place = finding.origin.place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
    let Finding { severity, reason, origin, field, message, remedy } = finding;
    let object = match origin.key.kind {
        Kind::File => String::new(),
        _ => format!("{} {field}: ", origin.key),
    };
    format!("{place}{object}{} {reason}: {message}; {remedy}", severity_word(*severity))
}

fn loaded(summary: &Summary) -> String {
    let objects: usize = summary.objects.values().sum();
    format!("{objects} objects in {} files", summary.files)
}

fn followed(changed: &Changed, summary: &Summary) -> String {
    match changed {
        Changed::Files(paths) if paths.len() == 1 => {
            paths.iter().map(|path| format!("{} changed", path.display())).collect()
        }
        Changed::Files(paths) => format!("{} files changed", paths.len()),
        Changed::Everything => format!("folders changed, {} files read", summary.files_read),
    }
}
