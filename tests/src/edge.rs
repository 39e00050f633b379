// SPDX-License-Identifier: Apache-2.0
//! A real edge on free ports of loopback, fed by a folder of YAML.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use postern_model::{Finding, Settings, Timestamp};
use postern_serve::{EdgeConfig, EntryPointConfig, Published, UpstreamConfig};

use crate::client::Request;
use crate::declared::Declared;
use crate::tls::Handshake;

/// A running edge; it stops at once when it is dropped.
pub struct Edge {
    served: postern_serve::Edge,
    published: Arc<Published>,
    declared: Mutex<Declared>,
}

/// An edge in the making.
pub struct EdgeBuilder {
    settings: Settings,
    config: EdgeConfig,
    files: Vec<(String, String)>,
}

impl EdgeBuilder {
    /// Two workers, `web` and `websecure` on free ports, backends on 127.0.0.0/8 allowed.
    pub fn new() -> Self {
        let mut settings = Settings::default();
        settings.egress.allow.push("127.0.0.0/8".parse().expect("a network"));
        let entry_points = settings.entry_points.iter().map(|entry_point| {
            Arc::new(EntryPointConfig {
                name: entry_point.name.clone(),
                addresses: vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)],
                tls: entry_point.tls,
                timeouts: postern_serve::Timeouts::default(),
                forwarded: postern_serve::ForwardedHeaders::default(),
                http: postern_serve::HttpLimits::default(),
            })
        });
        let config = EdgeConfig {
            workers: 2,
            entry_points: entry_points.collect(),
            upstream: UpstreamConfig {
                dial_timeout: Duration::from_secs(2),
                ..UpstreamConfig::default()
            },
            connections: postern_serve::Connections::default(),
            tenant_connections: postern_serve::Connections::default(),
            requests_in_flight: postern_serve::RequestsInFlight::default(),
            stalled_after: postern_serve::STALLED_AFTER,
            grace_timeout: Duration::from_secs(5),
            access_log: None,
        };
        Self { settings, config, files: Vec::new() }
    }

    /// Changes the settings of the control plane.
    #[must_use]
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Changes the configuration of the data plane.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut EdgeConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// Changes every entry point.
    #[must_use]
    pub fn entry_points(mut self, change: impl Fn(&mut EntryPointConfig)) -> Self {
        for entry_point in &mut self.config.entry_points {
            change(Arc::make_mut(entry_point));
        }
        self
    }

    /// Puts a file into the folder.
    #[must_use]
    pub fn file(mut self, name: &str, yaml: &str) -> Self {
        self.files.push((name.to_owned(), yaml.to_owned()));
        self
    }

    /// Starts it as `postern serve` does: it listens when everything is compiled, and not before.
    pub async fn start(self) -> Edge {
        let (config, mut declared) = self.declare();
        let published = Published::default();
        published.replace(declared.compile());
        Edge::listen(config, published, declared)
    }

    /// Starts it without a snapshot; [`Edge::publish`] brings one.
    pub async fn start_empty(self) -> Edge {
        let (config, declared) = self.declare();
        Edge::listen(config, Published::default(), declared)
    }

    fn declare(self) -> (EdgeConfig, Declared) {
        let mut declared = Declared::new(self.settings, now());
        for (name, yaml) in &self.files {
            declared.write(name, yaml);
        }
        (self.config, declared)
    }
}

impl Default for EdgeBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl Edge {
    fn listen(config: EdgeConfig, published: Published, declared: Declared) -> Self {
        let published = Arc::new(published);
        let served = postern_serve::Edge::start(config, published.clone());
        let served = served.expect("loopback has free ports");
        Self { served, published, declared: Mutex::new(declared) }
    }

    /// An edge that serves this YAML.
    pub async fn from_yaml(yaml: &str) -> Self {
        EdgeBuilder::new().file("all.yaml", yaml).start().await
    }

    /// Writes a file of the folder, and serves what it says.
    pub fn apply(&self, name: &str, yaml: &str) {
        self.declared(|declared| declared.write(name, yaml));
        self.publish();
    }

    /// Removes a file of the folder, and serves what is left.
    pub fn remove(&self, name: &str) {
        self.declared(|declared| declared.remove(name));
        self.publish();
    }

    /// Compiles the folder as it is, and serves it.
    pub fn publish(&self) {
        let snapshot = self.declared(Declared::compile);
        self.published.replace(snapshot);
    }

    /// Whether a complete snapshot was ever served.
    pub fn is_ready(&self) -> bool {
        self.published.is_ready()
    }

    /// What there is to say about objects of a namespace.
    pub fn findings_of(&self, namespace: &str) -> Vec<Finding> {
        let findings = self.declared(|declared| declared.findings());
        findings.into_iter().filter(|finding| &*finding.origin.key.namespace == namespace).collect()
    }

    /// Does something with what is declared.
    pub fn declared<T>(&self, work: impl FnOnce(&mut Declared) -> T) -> T {
        work(&mut self.declared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The served edge itself.
    pub fn served(&self) -> &postern_serve::Edge {
        &self.served
    }

    /// The served edge alone, to be joined after a stop.
    pub fn into_served(self) -> postern_serve::Edge {
        self.served
    }

    /// Where `web` listens.
    pub fn web(&self) -> SocketAddr {
        self.served.addresses("web")[0]
    }

    /// Where `websecure` listens.
    pub fn websecure(&self) -> SocketAddr {
        self.served.addresses("websecure")[0]
    }

    /// A handshake with `websecure`.
    pub fn tls(&self) -> Handshake {
        Handshake::with(self.websecure())
    }

    /// A GET.
    pub fn get(&self, url: &str) -> Request<'_> {
        self.request("GET", url)
    }

    /// Any request.
    pub fn request(&self, method: &str, url: &str) -> Request<'_> {
        Request::new(self, method, url)
    }
}

/// The time of this machine.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_secs()).unwrap_or_default())
}
