// SPDX-License-Identifier: Apache-2.0
//! The part of the install configuration that the data plane works from.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls::pki_types::CertificateDer;

/// Everything that an edge is started with; a change needs a restart.
#[derive(Clone, Debug)]
pub struct EdgeConfig {
    /// Worker threads, each with its own sockets and pools; at least 1.
    pub workers: usize,
    /// In the order of `postern_model::Settings::entry_points`: the index is the `EntryPointId`.
    pub entry_points: Vec<Arc<EntryPointConfig>>,
    /// How backends are dialled.
    pub upstream: UpstreamConfig,
    /// How many client connections may be open, over all workers.
    pub connections: Connections,
    /// How many of them may have been admitted to a tenant whose Tenant object does not say.
    pub tenant_connections: Connections,
    /// How many requests a tenant may have in flight whose Tenant object does not say.
    pub requests_in_flight: RequestsInFlight,
    /// A request whose client has moved nothing for so long gives its place up when there is none for another: no key of
    /// the configuration, since it changes nothing as long as there are places.
    pub stalled_after: Duration,
    /// How long open requests may go on after SIGTERM (`transport.lifeCycle.graceTimeOut`, 10 s).
    pub grace_timeout: Duration,
    /// Access log, off by default: its format, and its file (standard output when absent).
    pub access_log: Option<(AccessLogFormat, Option<PathBuf>)>,
}

/// What [`EdgeConfig::stalled_after`] should be: browsers and scripts that are slow move something in that time.
pub const STALLED_AFTER: Duration = Duration::from_secs(10);

/// `limits.connections`, `tenancy.limits.connections`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connections {
    /// So many that each of them can have a connection to a backend, and others can stay idle; half of that for one
    /// tenant.
    #[default]
    Fitting,
    /// So many.
    AtMost(usize),
    /// Any number, until no descriptor is left.
    Unlimited,
}

impl Connections {
    /// The share of one of so many workers: the kernel spreads connections evenly.
    pub(crate) fn of_a_worker(self, workers: usize) -> Option<usize> {
        match self {
            Self::AtMost(all) => Some(all.div_ceil(workers.max(1))),
            Self::Fitting | Self::Unlimited => None,
        }
    }
}

/// `tenancy.limits.requestsInFlight`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestsInFlight {
    /// Any number.
    #[default]
    Unlimited,
    /// So many that they hold a quarter of the descriptors that this process may have.
    FairShare,
    /// So many.
    AtMost(u32),
}

impl RequestsInFlight {
    /// The number, if there is one.
    pub(crate) fn limit(self) -> Option<u32> {
        match self {
            Self::Unlimited | Self::FairShare => None,
            Self::AtMost(limit) => Some(limit),
        }
    }
}

/// `accesslog.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// One JSON object a line, with Traefik's field names and `Tenant`.
    Json,
    /// Traefik's Common Log Format with the tenant at the end.
    Common,
}

/// One entry point: some addresses on which one protocol stack listens.
#[derive(Clone, Debug)]
pub struct EntryPointConfig {
    /// `web`, `websecure`.
    pub name: Arc<str>,
    /// Where it listens; port 0 lets the kernel choose (then all workers share that port).
    pub addresses: Vec<SocketAddr>,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// Whose X-Forwarded-* headers are believed.
    pub forwarded: ForwardedHeaders,
    /// Sizes.
    pub http: HttpLimits,
}

/// `transport.respondingTimeouts.*`; zero means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From accept to the complete head of the first request, from a request's first byte to the end of its head, and
    /// between two pieces of its body (`readTimeout`, 60 s).
    pub read: Duration,
    /// Between two pieces of an answer that the client takes (`writeTimeout`, 0).
    pub write: Duration,
    /// Between two requests (`idleTimeout`, 180 s).
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            read: Duration::from_secs(60),
            write: Duration::ZERO,
            idle: Duration::from_secs(180),
        }
    }
}

/// `forwardedHeaders.*`
#[derive(Clone, Debug, Default)]
pub struct ForwardedHeaders {
    /// Believe everybody.
    pub insecure: bool,
    /// Believe these peers.
    pub trusted_ips: Vec<IpNet>,
}

impl ForwardedHeaders {
    /// Whether `peer` is a proxy that the operator named: its connections are anybody's.
    pub(crate) fn names(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_ips.iter().any(|net| net.contains(&peer))
    }

    /// Whether forwarded headers from `peer` are believed.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.insecure || self.names(peer)
    }
}

/// Sizes that bound what a client can make Postern hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// The most bytes of a request's head (`http.maxHeaderBytes`, 1 MiB).
    pub max_header_bytes: usize,
    /// The most streams of an HTTP/2 connection (`http2.maxConcurrentStreams`, 250).
    pub max_concurrent_streams: u32,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self { max_header_bytes: 1 << 20, max_concurrent_streams: 250 }
    }
}

/// `serversTransport.*`
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// Roots that backends' certificates are verified against, in addition to the system's (`rootCAs`).
    pub root_certificates: Vec<CertificateDer<'static>>,
    /// Do not verify backends' certificates (`insecureSkipVerify`).
    pub insecure_skip_verify: bool,
    /// `forwardingTimeouts.dialTimeout`, 30 s.
    pub dial_timeout: Duration,
    /// `forwardingTimeouts.responseHeaderTimeout`, 0: none.
    pub response_header_timeout: Duration,
    /// `forwardingTimeouts.idleConnTimeout`, 90 s.
    pub idle_timeout: Duration,
    /// Idle connections kept per worker, tenant and endpoint (`maxIdleConnsPerHost`, 200).
    pub max_idle_per_endpoint: usize,
    /// Idle connections kept per worker and tenant, to all endpoints together; an edge lowers it to its share of the
    /// descriptors.
    pub max_idle_per_tenant: usize,
    /// Idle connections kept per worker, to the endpoints of all tenants together; an edge lowers it likewise.
    pub max_idle_per_worker: usize,
    /// Sockets on which this process listens, whatever else may be dialled: the admin server's; an edge adds its own.
    pub own_sockets: Vec<SocketAddr>,
    /// Whom backends are asked for that are known by a name only; empty: the name servers of `/etc/resolv.conf`.
    pub name_servers: Vec<SocketAddr>,
}

impl Default for UpstreamConfig {
    fn default() -> Self {
        Self {
            root_certificates: Vec::new(),
            insecure_skip_verify: false,
            dial_timeout: Duration::from_secs(30),
            response_header_timeout: Duration::ZERO,
            idle_timeout: Duration::from_secs(90),
            max_idle_per_endpoint: 200,
            max_idle_per_tenant: 2048,
            max_idle_per_worker: usize::MAX,
            own_sockets: Vec::new(),
            name_servers: Vec::new(),
        }
    }
}
