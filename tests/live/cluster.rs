// SPDX-License-Identifier: Apache-2.0
//! The cluster around the tests: kubectl and helm, and power over its API server.

use std::env;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How long what must happen may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a change may take until every new connection sees it.
pub(crate) const PROMPT: Duration = Duration::from_secs(1);

static API_SERVER: RwLock<()> = RwLock::const_new(());
static DEFINITIONS: OnceCell<()> = OnceCell::const_new();

/// The cluster that the test program runs in.
pub(crate) struct Cluster {
    state: PathBuf,
    _turn: Turn,
}

/// Beside others, or alone.
#[expect(dead_code, reason = "held for its end")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

impl Cluster {
    /// Beside other tests.
    pub(crate) async fn shared() -> Self {
        Self::new(Turn::Shared(API_SERVER.read().await)).await
    }

    /// While no other test runs.
    pub(crate) async fn alone() -> Self {
        Self::new(Turn::Alone(API_SERVER.write().await)).await
    }

    /// From now on beside others.
    pub(crate) fn lets_others_in(self) -> Self {
        let turn = match self._turn {
            Turn::Alone(guard) => Turn::Shared(guard.downgrade()),
            shared @ Turn::Shared(_) => shared,
        };
        Self { state: self.state, _turn: turn }
    }

    async fn new(turn: Turn) -> Self {
        let state = env::var_os("CLUSTER_STATE").map(PathBuf::from);
        let state = state.expect("`cargo xtask cluster test` runs these tests inside a cluster");
        let cluster = Self { state, _turn: turn };
        DEFINITIONS.get_or_init(|| cluster.define()).await;
        cluster
    }

    async fn define(&self) {
        let folder = root().join("deploy/charts/postern/crds").display().to_string();
        self.kubectl(&["apply", "--server-side", "--filename", &folder]).await;
        self.knows_our_kinds().await;
    }

    /// Waits until Postern's own kinds are served.
    pub(crate) async fn knows_our_kinds(&self) {
        let wait = ["wait", "--for=condition=Established", "crd/tenants.postern.dev"];
        self.kubectl(&[&wait[..], &["crd/hostclaims.postern.dev"]].concat()).await;
        // What the API server serves and what it says that it serves follow each other.
        for kind in ["tenants", "hostclaims"] {
            eventually("kubectl knows the kind", PATIENCE, async || {
                self.try_kubectl(&["explain", kind]).await.is_ok()
            })
            .await;
        }
    }

    /// The kubeconfig of somebody who may do everything.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.state.join("kubeconfig")
    }

    /// The folder of the cluster's data.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Runs kubectl; fails the test when it fails.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> String {
        self.run("kubectl", arguments, "").await.unwrap_or_else(|said| panic!("{said}"))
    }

    /// Runs kubectl; an error is what it said.
    pub(crate) async fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        self.run("kubectl", arguments, "").await
    }

    /// Runs helm; fails the test when it fails.
    pub(crate) async fn helm(&self, arguments: &[&str]) -> String {
        self.run("helm", arguments, "").await.unwrap_or_else(|said| panic!("{said}"))
    }

    /// `kubectl apply`, by the API server.
    pub(crate) async fn apply(&self, yaml: &str) {
        let arguments = ["apply", "--server-side", "--force-conflicts", "--filename=-"];
        self.run("kubectl", &arguments, yaml).await.unwrap_or_else(|said| panic!("{said}\n{yaml}"));
    }

    /// One object, or a list of them.
    pub(crate) async fn get(&self, arguments: &[&str]) -> Value {
        let text = self.kubectl(&[&["get", "--output=json"], arguments].concat()).await;
        serde_json::from_str(&text).expect("kubectl writes JSON")
    }

    /// Waits until the Pods of every Deployment of a namespace are ready.
    pub(crate) async fn rolled_out(&self, namespace: &str) {
        let wait = ["rollout", "status", "deployment", "--timeout=60s", "--namespace", namespace];
        self.kubectl(&wait).await;
    }

    async fn run(&self, program: &str, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut child = Command::new(program)
            .args(arguments)
            .env("KUBECONFIG", self.kubeconfig())
            .env("HOME", &self.state)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let mut stdin = child.stdin.take().expect("a pipe");
        // A program that has ended does not read.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = child.wait_with_output().await.expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(format!("{program} {arguments:?}: {}", text(&output.stderr))),
        }
    }

    /// Sends kube-apiserver a signal.
    pub(crate) fn signal_api_server(&self, signal: &str) {
        let pid = fs::read_to_string(self.state.join("apiserver.pid")).expect("it was started");
        let sent = std::process::Command::new("kill").args(["-s", signal, pid.trim()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -s {signal} {pid}");
    }

    /// Ends kube-apiserver and keeps it from coming back, until the answer is dropped.
    pub(crate) fn without_api_server(&self) -> Absence {
        let hold = self.state.join("apiserver.hold");
        fs::write(&hold, "").expect("the state can be written to");
        self.signal_api_server("KILL");
        Absence { hold }
    }

    /// Waits until kube-apiserver answers.
    pub(crate) async fn api_server_answers(&self) {
        eventually("kube-apiserver answers", PATIENCE, async || {
            self.try_kubectl(&["get", "--raw=/readyz"]).await.is_ok()
        })
        .await;
    }
}

/// While this lives there is no kube-apiserver.
pub(crate) struct Absence {
    hold: PathBuf,
}

impl Drop for Absence {
    fn drop(&mut self) {
        // The test cannot do anything about it, and the next one fails.
        let _ = fs::remove_file(&self.hold);
    }
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Asks again and again until the answer is yes, and says how long that took; fails the test after `limit`.
#[track_caller]
pub(crate) fn eventually<F, L>(
    what: &str,
    limit: Duration,
    mut look: L,
) -> impl Future<Output = Duration> + use<F, L>
where
    F: Future<Output = bool>,
    L: FnMut() -> F,
{
    let place = std::panic::Location::caller();
    let what = what.to_owned();
    async move {
        let start = Instant::now();
        while !look().await {
            assert!(start.elapsed() < limit, "{what}: not within {limit:?} (from {place})");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        start.elapsed()
    }
}
