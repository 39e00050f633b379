// SPDX-License-Identifier: Apache-2.0
//! A replica without its data plane: watch, compile, report.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::Client;
use postern_compile::Compiler;
use postern_model::{Host, Settings, Timestamp, World};
use postern_snapshot::Snapshot;
use postern_source::{Access, Cluster, ClusterOptions};
use postern_status::{Address, Facts, IngressEndpoint, Options, Status, StatusMetrics};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The address that Ingresses get.
pub(crate) const ADDRESS: &str = "203.0.113.7";

/// One test at a time: leaders of several installations would write to the same objects.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The cluster, for one test alone; nothing if there is none.
pub(crate) async fn cluster() -> Option<tokio::sync::MutexGuard<'static, ()>> {
    if kubeconfig().is_none() {
        eprintln!("skipped: POSTERN_TEST_KUBECONFIG is not set");
        return None;
    }
    Some(ALONE.lock().await)
}

fn kubeconfig() -> Option<PathBuf> {
    std::env::var_os("POSTERN_TEST_KUBECONFIG").map(PathBuf::from)
}

/// A running replica.
pub(crate) struct Replica {
    served: Arc<Mutex<Snapshot>>,
    leads: Arc<std::sync::atomic::AtomicBool>,
    pub(crate) metrics: Arc<StatusMetrics>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Replica {
    /// Starts one of that name on a runtime of its own, so that it can be killed whole.
    pub(crate) async fn start(name: &str, lease: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (name, lease) = (name.to_owned(), lease.to_owned());
        let served = Arc::new(Mutex::new(Snapshot::default()));
        let leads = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (stop, stopped) = oneshot::channel();
        let (ready, metrics) = oneshot::channel();
        let shared = (served.clone(), leads.clone());
        let task = runtime.spawn(run(name, lease, shared, stopped, ready));
        let metrics = metrics.await.unwrap();
        Self { served, leads, metrics, stop: Some(stop), task, runtime: Some(runtime) }
    }

    /// Whose a host is on this replica.
    pub(crate) fn owner(&self, host: &str) -> Option<String> {
        let snapshot = self.served.lock().unwrap().clone();
        snapshot.admit(&Host::parse(host).unwrap()).map(|a| a.scope().label().to_string())
    }

    pub(crate) fn leads(&self) -> bool {
        self.leads.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        (&mut self.task).await.unwrap();
        self.runtime.take().unwrap().shutdown_background();
    }

    /// Ends it without a word.
    pub(crate) fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

type Shared = (Arc<Mutex<Snapshot>>, Arc<std::sync::atomic::AtomicBool>);

async fn run(
    name: String,
    lease: String,
    (served, leads): Shared,
    mut stopped: oneshot::Receiver<()>,
    ready: oneshot::Sender<Arc<StatusMetrics>>,
) {
    let access = Access { kubeconfig: kubeconfig(), ..Access::default() };
    let options = ClusterOptions { access, ..ClusterOptions::default() };
    let mut cluster = Cluster::connect(&options).await.unwrap();
    let address = Address { ip: Some(ADDRESS.to_owned()), hostname: None };
    let status = Status::start(
        cluster.client(),
        Options {
            endpoint: IngressEndpoint::Address(address),
            lease_name: lease,
            ..Options::new(name, "default")
        },
    );
    let _ = ready.send(status.metrics());
    let (mut world, mut compiler) = (World::new(Settings::default()), Compiler::new());
    let mut untold = false;
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            batch = cluster.next() => {
                batch.apply(&mut world);
                world.tell_time(Timestamp(jiff::Timestamp::now().as_second()));
                let changes = world.take_changes();
                *served.lock().unwrap() = compiler.recompile(&world, changes);
                world.record(compiler.report().claims.iter().cloned());
                untold = true;
            }
            () = status.due(), if untold => {
                status.report(Facts::gather(&world, compiler.report(), |r| compiler.is_ours(r)));
                untold = false;
            }
            _ = tick.tick() => {}
        }
        leads.store(status.is_leader(), std::sync::atomic::Ordering::Relaxed);
    }
    status.shutdown().await;
    leads.store(false, std::sync::atomic::Ordering::Relaxed);
}

/// A client of the cluster.
pub(crate) async fn client() -> Client {
    let path = kubeconfig().unwrap();
    let file = kube::config::Kubeconfig::read_from(path).unwrap();
    let config = kube::Config::from_custom_kubeconfig(file, &Default::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Waits until it is so; how long that took.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}
