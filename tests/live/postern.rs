// SPDX-License-Identifier: Apache-2.0
//! Postern's own binary as a process in the cluster's network, with an address of its own.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::process::{Child, Command};

use crate::client::{Outcome, get, ping};
use crate::cluster::{Cluster, PATIENCE, eventually, root};

/// The next free address of the pool that everybody may bind.
static NEXT: AtomicU8 = AtomicU8::new(10);

/// A running Postern; it is killed when the test ends.
pub(crate) struct Postern {
    child: Child,
    /// Where it listens: 80, 443, and 9100 for probes.
    pub(crate) address: IpAddr,
    log: PathBuf,
}

/// A Postern in the making.
pub(crate) struct Start<'a> {
    cluster: &'a Cluster,
    arguments: Vec<String>,
    name: String,
    system: String,
    kubeconfig: PathBuf,
}

impl<'a> Start<'a> {
    /// One that reads only these namespaces, and writes its Lease into the first.
    pub(crate) fn new(cluster: &'a Cluster, namespaces: &[&str]) -> Self {
        let listed = format!("--providers.kubernetesIngress.namespaces={}", namespaces.join(","));
        let system = namespaces.first().copied().unwrap_or("default").to_owned();
        let name = format!("postern-{}", NEXT.load(Ordering::Relaxed));
        let kubeconfig = cluster.kubeconfig();
        Self { cluster, arguments: vec![listed], name, system, kubeconfig }
    }

    /// With another argument.
    #[must_use]
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// By another way to the API server.
    #[must_use]
    pub(crate) fn kubeconfig(mut self, file: PathBuf) -> Self {
        self.kubeconfig = file;
        self
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn ready(self) -> Postern {
        let mut postern = self.begin();
        postern.is_ready().await;
        postern
    }

    /// Starts it.
    pub(crate) fn begin(self) -> Postern {
        let address = IpAddr::V4(Ipv4Addr::new(10, 250, 0, NEXT.fetch_add(1, Ordering::Relaxed)));
        let log = self.cluster.state().join(format!("{address}.log"));
        let file = fs::File::create(&log).expect("the state can be written to");
        let child = Command::new(root().join("target/debug/postern"))
            .arg("run")
            .arg("--kubeconfig")
            .arg(self.kubeconfig)
            .arg(format!("--entryPoints.web.address={address}:80"))
            .arg(format!("--entryPoints.websecure.address={address}:443"))
            .arg(format!("--health.address={address}:9100"))
            .args(["--admin.address=", "--workers=1"])
            .args(self.arguments)
            .env_clear()
            .env("POD_NAME", format!("{}-{address}", self.name))
            .env("POD_NAMESPACE", self.system)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .expect("`cargo build -p postern` made it");
        Postern { child, address, log }
    }
}

impl Postern {
    /// Waits until it is.
    pub(crate) async fn is_ready(&mut self) {
        let address = self.address;
        let start = std::time::Instant::now();
        while ping(address).await != Some(200) {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                panic!("postern ended with {status}:\n{}", self.log());
            }
            assert!(start.elapsed() < PATIENCE, "postern is not ready:\n{}", self.log());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Whether it says that it is.
    pub(crate) async fn says_ready(&self) -> bool {
        ping(self.address).await == Some(200)
    }

    /// GET over plain HTTP.
    pub(crate) async fn get(&self, host: &str) -> Outcome {
        get(self.address, host, "/").await
    }

    /// Waits until a GET for a host has this outcome, and says how long that took.
    #[track_caller]
    pub(crate) fn serves(
        &self,
        host: &str,
        wanted: &Outcome,
        limit: std::time::Duration,
    ) -> impl Future<Output = std::time::Duration> {
        let what = format!("{host} answers with {wanted}");
        let address = self.address;
        let (host, wanted) = (host.to_owned(), wanted.clone());
        eventually(&what, limit, move || {
            let (host, wanted) = (host.clone(), wanted.clone());
            async move { get(address, &host, "/").await == wanted }
        })
    }

    /// What it wrote to standard error so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it at once, as a lost machine does.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it is our child");
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) {
        let pid = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args(["-s", "TERM", &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        assert!(
            ended.is_ok_and(|ended| ended.is_ok_and(|status| status.success())),
            "{}",
            self.log()
        );
    }
}
