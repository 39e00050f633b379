// SPDX-License-Identifier: Apache-2.0
//! Snapshots, certificates and workers for tests, made by hand.

use std::cmp::Reverse;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use postern_model::{
    AppProtocol, EntryPointId, EntryPointSet, HostPattern, KeyExchangeGroup, KeyExchangeGroups,
    Kind, ObjectKey, PathMatch, SecretBytes, Tenancy,
};
use postern_snapshot::editor::{HostParts, TenantRoom};
use postern_snapshot::{
    Action, Backend, BackendKey, BackendSlot, Certificate, Editor, Precedence, Route, RouteTable,
    Snapshot, TenantScope, TlsDecision, TlsDemands, TlsProfile, TlsRefusal,
};
use tokio::runtime::{Builder, LocalOptions};

use crate::config::{
    Connections, EdgeConfig, EntryPointConfig, RequestsInFlight, Timeouts, UpstreamConfig,
};
use crate::metrics::Metrics;
use crate::published::Published;
use crate::thread::Shared;
use crate::worker::Worker;

/// The clear entry point of [`config`].
pub(crate) const WEB: EntryPointId = EntryPointId(0);
/// The TLS entry point of [`config`].
pub(crate) const WEBSECURE: EntryPointId = EntryPointId(1);

/// One host of one tenant.
#[derive(Clone)]
pub(crate) struct Site {
    tenant: &'static str,
    host: &'static str,
    epoch: u64,
    certificate: Result<Arc<Certificate>, TlsRefusal>,
    demands: TlsDemands,
    backend: Vec<SocketAddr>,
    protocol: AppProtocol,
}

impl Site {
    /// `host` (or `*.parent`) of `tenant`, without a certificate and without a backend.
    pub(crate) fn new(tenant: &'static str, host: &'static str) -> Self {
        let certificate = Err(TlsRefusal::NoCertificate);
        let (demands, backend) = (TlsDemands::default(), Vec::new());
        let protocol = AppProtocol::Http;
        Self { tenant, host, epoch: 1, certificate, demands, backend, protocol }
    }

    pub(crate) fn certificate(self, certificate: &Arc<Certificate>) -> Self {
        Self { certificate: Ok(certificate.clone()), ..self }
    }

    pub(crate) fn refusing(self, refusal: TlsRefusal) -> Self {
        Self { certificate: Err(refusal), ..self }
    }

    pub(crate) fn epoch(self, epoch: u64) -> Self {
        Self { epoch, ..self }
    }

    pub(crate) fn tls13_only(self) -> Self {
        Self { demands: TlsDemands { require_tls13: true, ..self.demands }, ..self }
    }

    pub(crate) fn key_exchange(self, groups: impl IntoIterator<Item = KeyExchangeGroup>) -> Self {
        let key_exchange = KeyExchangeGroups::of(groups);
        Self { demands: TlsDemands { key_exchange, ..self.demands }, ..self }
    }

    /// Forwards every path to `endpoint`.
    pub(crate) fn backend(self, endpoint: SocketAddr) -> Self {
        self.backends(&[endpoint])
    }

    /// Forwards every path to these in turn.
    pub(crate) fn backends(self, endpoints: &[SocketAddr]) -> Self {
        Self { backend: endpoints.to_vec(), ..self }
    }

    /// What is spoken to the backend.
    pub(crate) fn protocol(self, protocol: AppProtocol) -> Self {
        Self { protocol, ..self }
    }
}

/// The scope of a tenant that is a namespace.
pub(crate) fn tenant(name: &str) -> TenantScope {
    TenantScope::new(Tenancy::default().tenant_of(name).expect("each namespace is a tenant"))
}

/// A self-signed ECDSA P-256 certificate.
pub(crate) fn certificate(names: &[&str]) -> Arc<Certificate> {
    let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let secret = |text: String| SecretBytes::new(text.into_bytes());
    Arc::new(Certificate::parse(secret(chain), secret(key)).expect("a usable certificate"))
}

/// What is served at one moment.
pub(crate) fn snapshot(generation: u64, sites: &[Site]) -> Snapshot {
    let mut editor = Editor::new(&Snapshot::default());
    let mut tenants: Vec<&str> = sites.iter().map(|site| site.tenant).collect();
    tenants.sort_unstable();
    tenants.dedup();
    for (slot, site) in (0..).zip(sites) {
        let number = tenants.iter().position(|tenant| *tenant == site.tenant);
        let room = TenantRoom::new(u32::try_from(number.expect("listed")).expect("few"));
        editor.open(room);
        let slot = BackendSlot(slot);
        editor.set_backend(room, slot, backend(&site.backend, site.protocol));
        let scope = tenant(site.tenant);
        let tls = match &site.certificate {
            Ok(certificate) => TlsDecision::Serve(Arc::new(TlsProfile::new(
                scope.clone(),
                site.epoch,
                certificate.clone(),
                site.demands,
            ))),
            Err(refusal) => TlsDecision::Refuse(*refusal),
        };
        let routes = site.backend.first().map(|_| route(site, slot)).into_iter().collect();
        let routes = Arc::new(RouteTable::new(routes));
        let pattern = HostPattern::parse(site.host).expect("a host");
        let host = HostParts { scope, room, epoch: site.epoch, tls, routes };
        editor.set_host(Some(pattern), host);
    }
    editor.finish(generation)
}

fn backend(endpoints: &[SocketAddr], protocol: AppProtocol) -> Option<Arc<Backend>> {
    let port = endpoints.first()?.port();
    Some(Arc::new(Backend {
        key: BackendKey { namespace: "ns".into(), service: "app".into(), port },
        protocol,
        server_name: "app.ns.svc".into(),
        pass_host_header: true,
        external: None,
        endpoints: endpoints.into(),
    }))
}

fn route(site: &Site, slot: BackendSlot) -> Arc<Route> {
    let object = ObjectKey::new(Kind::Ingress, site.tenant, "app");
    Arc::new(Route {
        object: object.clone(),
        field: "spec.rules[0]".into(),
        host: HostPattern::parse(site.host).ok(),
        path: PathMatch::Prefix("/".into()),
        entry_points: EntryPointSet::NONE.with(WEB).with(WEBSECURE),
        precedence: Precedence {
            host_rank: 0,
            is_default: false,
            priority: Reverse(0),
            age: (false, 0, "".into(), 0),
            object,
            position: 0,
        },
        action: Action::Forward(slot),
    })
}

/// One worker, a clear entry point and one with TLS, on ports of the kernel's choice.
pub(crate) fn config() -> EdgeConfig {
    let entry_point = |name: &str, tls| {
        Arc::new(EntryPointConfig {
            name: name.into(),
            addresses: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            tls,
            timeouts: Timeouts::default(),
            forwarded: Default::default(),
            http: Default::default(),
        })
    };
    EdgeConfig {
        workers: 1,
        entry_points: vec![entry_point("web", false), entry_point("websecure", true)],
        upstream: UpstreamConfig::default(),
        connections: Connections::Unlimited,
        tenant_connections: Connections::Unlimited,
        requests_in_flight: RequestsInFlight::default(),
        stalled_after: crate::config::STALLED_AFTER,
        grace_timeout: Duration::from_secs(10),
        access_log: None,
    }
}

/// What workers share, around a snapshot of these sites.
pub(crate) fn shared(sites: &[Site]) -> Shared {
    let config = Arc::new(config());
    let names = config.entry_points.iter().map(|entry_point| entry_point.name.clone());
    let metrics = Arc::new(Metrics::new(names));
    let published = Arc::new(Published::default());
    published.replace(snapshot(1, sites));
    let (tickets, in_flight, rates) = (Arc::default(), Arc::default(), Arc::default());
    Shared { config, published, metrics, tickets, in_flight, rates }
}

/// A worker whose standing tasks do not run.
pub(crate) fn worker_at_rest(shared: &Shared) -> Rc<Worker> {
    Worker::new(shared.clone(), None)
}

/// A worker that serves these sites; its standing tasks run.
pub(crate) fn worker(shared: &Shared) -> Rc<Worker> {
    let worker = worker_at_rest(shared);
    worker.start();
    worker
}

/// The metrics as text.
pub(crate) fn metrics(shared: &Shared) -> String {
    let mut text = String::new();
    shared.metrics.encode(&mut text);
    text
}

/// Runs a test on the kind of runtime that workers have.
pub(crate) fn on_a_worker<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.expect("a runtime").block_on(test)
}

/// The same, with a clock that jumps to the next deadline whenever nothing is ready.
pub(crate) fn on_a_worker_without_waiting<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build_local(LocalOptions::default());
    runtime.expect("a runtime").block_on(test)
}
