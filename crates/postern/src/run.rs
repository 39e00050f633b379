// SPDX-License-Identifier: Apache-2.0
//! A running Postern: source → compile → published → reported, on the control runtime, beside the data plane's own
//! threads.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use postern_model::{Finding, Kind, Severity};
use postern_serve::{Edge, EdgeConfig, Published};
use postern_snapshot::Snapshot;
use postern_status::StatusHandle;
use tokio::sync::watch::Receiver;
use tokio::task::block_in_place;

use crate::admin::{self, Pages};
use crate::config::Config;
use crate::findings::{Tally, severity_word};
use crate::line::{Line, now};
use crate::log::{Level, Log};
use crate::refusals::Refusals;
use crate::source::Source;
use crate::state::State;

/// How often the clock is looked at, at least: it may be set.
const TICK: Duration = Duration::from_secs(60);
/// How many new findings of one change are logged one by one.
const MAX_LOGGED: usize = 20;
/// After the second defect of ours in a row, and then twice as long each time.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(64);

const NO_TRAEFIK_KINDS: &str = "providers.kubernetesCRD: Traefik's own kinds (IngressRoute, Middleware and so on) are \
                                not read by this version; the namespaces listed there count for Ingresses";

/// The runtime of everything that is not a request: it can never starve the workers, nor they it.
pub(crate) fn control_runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("postern-control")
        .enable_all()
        .build()
        .context("the control runtime cannot be started")
}

/// A Postern that listens for questions about itself, and serves nothing yet.
pub(crate) struct Stage {
    pub(crate) state: Arc<State>,
    pub(crate) log: Log,
    published: Arc<Published>,
    /// Where we listen: no backend of a tenant is there.
    sockets: Vec<SocketAddr>,
}

impl Stage {
    /// Opens the admin server and the one for probes.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let log = Log::new(config.log_level);
        let published = Arc::new(Published::default());
        let entry_points = config.settings.entry_points.clone();
        let state = Arc::new(State::new(published.clone(), entry_points));
        let mut sockets = Vec::new();
        for (what, addresses, pages) in
            [("admin", &config.admin, Pages::All), ("health", &config.health, Pages::Health)]
        {
            if addresses.is_empty() {
                continue;
            }
            let started = admin::start(addresses, pages, state.clone(), log);
            let address = started.with_context(|| format!("{what}.address"))?;
            log.info(format!("{what} listens on {address}"));
            sockets.push(address);
        }
        if !config.settings.serves_ingresses {
            log.warn("providers.kubernetesIngress is false, and there is no other provider: nothing is served");
        }
        if config.cluster.wants_traefik_kinds {
            log.warn(NO_TRAEFIK_KINDS);
        }
        Ok(Self { state, log, published, sockets })
    }

    /// Waits for everything, compiles and publishes it, and only then opens the entry points (I18).
    pub(crate) async fn serve<S: Source>(
        self,
        config: Config,
        source: S,
    ) -> anyhow::Result<(Running<S>, Edge)> {
        let line = if S::RECORDS_CLAIMS {
            Line::new(config.settings)
        } else {
            Line::in_memory(config.settings)
        };
        let mut running = Running {
            line,
            source,
            stage: self,
            found: BTreeSet::new(),
            missing: BTreeSet::new(),
            lacks_all: true,
            failures: 0,
            settled: None,
            status: None,
            ungranted: None,
            unreported: true,
        };
        while running.lacks_all {
            let news = running.source.next().await;
            running.take(news);
        }
        let edge = running.stage.open_entry_points(config.edge)?;
        Ok((running, edge))
    }

    fn open_entry_points(&self, mut config: EdgeConfig) -> anyhow::Result<Edge> {
        config.upstream.own_sockets.extend(&self.sockets);
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
}

/// A Postern that serves what a source declares.
pub(crate) struct Running<S> {
    line: Line,
    source: S,
    stage: Stage,
    /// What was found so far, to tell what is new.
    found: BTreeSet<String>,
    /// What is missing to tell the cluster.
    missing: BTreeSet<String>,
    /// The line is empty: at the start, and after a step that ended half done.
    lacks_all: bool,
    /// How many steps in a row ended half done.
    failures: u32,
    /// When what was found since it was last told is told.
    settled: Option<tokio::time::Instant>,
    /// Who tells the cluster.
    status: Option<StatusHandle>,
    /// What that one may not read.
    ungranted: Option<Receiver<Vec<Finding>>>,
    /// The cluster was not told yet what is so now.
    unreported: bool,
}

impl<S: Source> Running<S> {
    /// Follows the source and the clock for ever.  May be dropped at any point.
    pub(crate) async fn follow(&mut self) {
        loop {
            self.step().await;
        }
    }

    /// Follows one change of what is declared, or of the time.
    pub(crate) async fn step(&mut self) {
        let tick = tokio::time::sleep(self.until_deadline());
        tokio::select! {
            news = self.source.next() => self.take(news),
            () = tick => self.tick(),
            () = at(self.settled), if !self.lacks_all => {
                let findings: Vec<Finding> = self.line.findings().collect();
                self.tell(&findings);
            }
            findings = changed(self.ungranted.as_mut()), if !self.lacks_all => self.note(findings),
            () = due(self.status.as_ref()), if self.unreported && !self.lacks_all => self.report(),
        }
    }

    /// The cluster is told from now on, as often as that one wants to know.
    pub(crate) fn reports_to(&mut self, status: StatusHandle) {
        let metrics = status.metrics();
        self.stage.state.reports(Box::new(move |out| metrics.encode(out)));
        self.ungranted = Some(status.findings());
        self.status = Some(status);
    }

    /// Finds what whoever tells the cluster misses for it, or may not read.  The operator is told at once and in any case,
    /// however much tenants have to hear.
    fn note(&mut self, findings: Vec<Finding>) {
        let missing: BTreeSet<String> = findings.iter().map(sentence).collect();
        let log = self.stage.log;
        missing.difference(&self.missing).for_each(|sentence| log.warn(sentence));
        self.missing
            .difference(&missing)
            .for_each(|sentence| log.info(format!("over: {sentence}")));
        self.found.extend(missing.iter().cloned());
        self.missing = missing;
        self.attempt(|line, _| {
            line.world_mut().note("status".into(), findings);
            Some((line.compile_news(), "what status is made from".to_owned()))
        });
    }

    /// The cluster is told nothing more; whoever tells it may take its leave.
    pub(crate) fn take_status(&mut self) -> Option<StatusHandle> {
        self.status.take()
    }

    fn report(&mut self) {
        if let Some(status) = &self.status {
            let line = &self.line;
            // It is in proportion to all that there is, and a defect there is none of those who are served.
            let facts = block_in_place(|| catch_unwind(AssertUnwindSafe(|| line.facts())));
            match facts {
                Ok(facts) => status.report(facts),
                Err(_) => self.stage.log.error("status cannot be gathered"),
            }
        }
        self.unreported = false;
    }

    /// What the admin server tells.
    pub(crate) fn state(&self) -> &State {
        &self.stage.state
    }

    /// The log.
    pub(crate) fn log(&self) -> Log {
        self.stage.log
    }

    /// What there is to say about what is served now.
    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    /// Takes what has changed, and serves it.
    fn take(&mut self, news: S::News) {
        let noticed = S::noticed(&news);
        let last = self.stage.published.load().generation();
        let all = self.lacks_all;
        let served = self.attempt(|line, source| {
            let what = source.apply(news, line.world_mut())?;
            let snapshot = if all { Some(line.compile_after(last)) } else { line.compile_news() };
            Some((snapshot, what))
        });
        if let Some(noticed) = noticed.filter(|_| served && !all) {
            self.stage.state.propagated(noticed.elapsed());
        }
    }

    /// Serves what time alone has changed: a quarantine has ended, a certificate has become valid.
    fn tick(&mut self) {
        if !self.lacks_all && self.line.deadline().is_some_and(|deadline| deadline <= now()) {
            let what = "the time has come for a claim or a certificate";
            self.attempt(|line, _| Some((Some(line.compile()), what.to_owned())));
        }
    }

    /// Takes one step of the line and serves what it gives.  A panic is a defect of ours, and no reason to end for
    /// everybody: what is served stays, and the line starts over (I17, I21).
    fn attempt(
        &mut self,
        step: impl FnOnce(&mut Line, &mut S) -> Option<(Option<Snapshot>, String)>,
    ) -> bool {
        let started = Instant::now();
        let (line, source) = (&mut self.line, &mut self.source);
        let stepped = block_in_place(|| catch_unwind(AssertUnwindSafe(|| step(line, source))));
        if let Ok(Some((snapshot, what))) = stepped {
            (self.lacks_all, self.failures) = (false, 0);
            self.publish(snapshot, started, &what);
            return true;
        }
        self.stage.log.error("a change cannot be compiled: what was served before stays");
        // What was left half done is thrown away, but for the claims.
        let line = &self.line;
        if let Ok(fresh) = catch_unwind(AssertUnwindSafe(|| line.start_over())) {
            self.line = fresh;
        }
        self.lacks_all = true;
        if let Some(ungranted) = &mut self.ungranted {
            ungranted.mark_changed();
        }
        self.source.start_over(pause_after(self.failures));
        self.failures += 1;
        false
    }

    fn until_deadline(&self) -> Duration {
        let Some(deadline) = self.line.deadline() else { return TICK };
        let left = deadline.0.saturating_sub(now().0);
        // At least a second: a deadline that stays in the past must not make this spin.
        Duration::from_secs(u64::try_from(left).unwrap_or(0)).clamp(Duration::from_secs(1), TICK)
    }

    fn publish(&mut self, snapshot: Option<Snapshot>, started: Instant, what: &str) {
        let is_new = snapshot.is_some();
        if let Some(snapshot) = snapshot {
            self.stage.published.replace(snapshot);
        }
        let took = started.elapsed();
        self.stage.state.compiled(took);
        let generation = self.stage.published.load().generation();
        let is_first = generation == 1 && is_new;
        let level = match is_first {
            true => Level::Info,
            false if is_new => S::CHANGES,
            false => Level::Debug,
        };
        let millis = took.as_secs_f64() * 1e3;
        let told = |tally: &str| format!("generation {generation}: {what}; {tally}{millis:.1} ms");
        if is_first || S::SETTLES.is_zero() {
            let findings: Vec<Finding> = self.line.findings().collect();
            self.stage.log.line(level, told(&format!("{}; ", Tally::of(&findings))));
            self.tell(&findings);
        } else {
            self.stage.log.line(level, told(""));
            self.settled = self.settled.or(Some(tokio::time::Instant::now() + S::SETTLES));
        }
        self.unreported = true;
    }

    /// Counts what was found, and logs what is new of it.
    fn tell(&mut self, findings: &[Finding]) {
        self.settled = None;
        self.stage.state.found(Tally::of(findings));
        self.stage.state.refused(Refusals::of(findings, self.line.world().tenancy()));
        self.tell_news(findings);
    }

    /// Logs what was not found before.  Beyond a thousand findings nobody reads them in a log, and comparing them would
    /// make a small change dear: `postern validate` shows them all.
    fn tell_news(&mut self, findings: &[Finding]) {
        let found: BTreeSet<String> = if findings.len() > 1000 {
            BTreeSet::new()
        } else {
            findings.iter().filter(|f| is_worth_a_line(f)).map(sentence).collect()
        };
        let log = self.stage.log;
        let news: Vec<&String> = found.difference(&self.found).collect();
        for sentence in news.iter().take(MAX_LOGGED) {
            log.warn(sentence);
        }
        if let Some(more) = news.len().checked_sub(MAX_LOGGED).filter(|more| *more > 0) {
            log.warn(format!("{more} more findings: see postern validate"));
        }
        self.found = found;
    }
}

/// Waits until then, for ever if that is never.
async fn at(instant: Option<tokio::time::Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Waits until something else is not granted.
async fn changed(ungranted: Option<&mut Receiver<Vec<Finding>>>) -> Vec<Finding> {
    if let Some(ungranted) = ungranted
        && ungranted.changed().await.is_ok()
    {
        return ungranted.borrow_and_update().clone();
    }
    std::future::pending().await
}

/// Waits until it is worth while to tell the cluster.
async fn due(status: Option<&StatusHandle>) {
    match status {
        Some(status) => status.due().await,
        None => std::future::pending().await,
    }
}

/// How long to wait before everything is read once more.
fn pause_after(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        more => PAUSE.saturating_mul(1 << (more - 1).min(6)).min(LONGEST_PAUSE),
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
        _ if field.is_empty() => format!("{}: ", origin.key),
        _ => format!("{} {field}: ", origin.key),
    };
    format!("{place}{object}{} {reason}: {message}; {remedy}", severity_word(*severity))
}

#[cfg(test)]
mod tests;
