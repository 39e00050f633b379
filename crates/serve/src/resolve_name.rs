// SPDX-License-Identifier: Apache-2.0
//! Finds the addresses of a backend that is known by a name only (ExternalName), when a request goes there.
//!
//! The addresses that were looked at are the ones that are connected to: a DNS answer that changes afterwards changes
//! nothing (I14, T-CP-07).  Every tenant has a resolver of its own: what one of them learnt, or waits for, is nothing to
//! the others (I11).

use std::cell::{Cell, OnceCell};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ProtocolConfig, ResolveHosts,
    ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData};
use hickory_resolver::system_conf::read_system_conf;
use postern_model::Host;
use postern_snapshot::Backend;

use crate::config::UpstreamConfig;
use crate::exchange::Exchange;
use crate::respond::Answer;

/// How long a request waits for an answer of the DNS, all attempts together.
const DEADLINE: Duration = Duration::from_secs(5);
/// After so long a name server is asked again, or another one.
const ATTEMPT: Duration = Duration::from_secs(2);
/// The most look-ups of one tenant at a time, on one worker.
const AT_ONCE: usize = 32;
/// The most answers that are kept for one tenant, on one worker.
const KEPT: u64 = 128;
/// The most addresses of one name that are used.
const MAX_ADDRESSES: usize = 16;
/// How long an answer counts: at least, so that a name without a TTL does not cost a look-up a request, and at most.
const TTL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// How long it counts at most that there is no such name.
const NEGATIVE_TTL: Duration = Duration::from_secs(10);

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NameError {
    /// The DNS does not know the name, or cannot be asked.
    #[error("the backend's name cannot be resolved")]
    Unknown(#[source] NetError),
    /// No answer in time.
    #[error("the backend's name was not resolved in time")]
    TimedOut,
    /// The tenant waits for too many names already.
    #[error("too many names are being resolved")]
    Busy,
    /// It is an alias of a name that means something inside the cluster, or this machine.
    #[error("the backend's name is an alias of a name of the cluster")]
    Inside,
    /// No address of it may be connected to.
    #[error("no address of the backend's name may be used")]
    Denied,
}

impl NameError {
    /// What the client is told.
    pub(crate) fn answer(&self) -> Answer {
        match self {
            Self::TimedOut => Answer::GatewayTimeout,
            Self::Unknown(_) | Self::Busy | Self::Inside | Self::Denied => Answer::BadGateway,
        }
    }
}

/// One tenant's names on one worker.
#[derive(Default)]
pub(crate) struct Names {
    resolver: OnceCell<Resolver>,
    looking: Cell<usize>,
}

#[derive(Clone)]
struct Resolver {
    dns: TokioResolver,
    /// What is above the names of the cluster.
    cluster: Arc<[Name]>,
}

/// Aims a request at the addresses of its backend's name; does nothing for a backend that has addresses.
pub(crate) async fn resolve(exchange: &mut Exchange) -> Result<(), NameError> {
    let Some((target, external)) = exchange
        .target()
        .and_then(|target| Some((target, target.backend.external.as_ref()?)))
        .filter(|(target, _)| target.backend.endpoints.is_empty())
    else {
        return Ok(());
    };
    let config = exchange.connection().worker.config.clone();
    let runtime = target.admitted.runtime.clone();
    let found = runtime.names.look_up(&config.upstream, &external.name).await?;
    let mut addresses: Vec<IpAddr> = found
        .into_iter()
        .map(|address| address.to_canonical())
        .filter(|address| external.admits(*address))
        .take(MAX_ADDRESSES)
        .collect();
    if addresses.is_empty() {
        return Err(NameError::Denied);
    }
    addresses.sort_unstable();
    addresses.dedup();
    let port = target.backend.key.port;
    let endpoints = addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect();
    let backend = Arc::new(Backend { endpoints, ..(*target.backend).clone() });
    exchange.redirect(backend);
    Ok(())
}

impl Names {
    async fn look_up(
        &self,
        config: &UpstreamConfig,
        name: &Host,
    ) -> Result<Vec<IpAddr>, NameError> {
        let resolver = match self.resolver.get() {
            Some(resolver) => resolver.clone(),
            None => {
                let made = resolver(config).map_err(NameError::Unknown)?;
                self.resolver.get_or_init(|| made).clone()
            }
        };
        let _turn = Turn::take(&self.looking).ok_or(NameError::Busy)?;
        // With the root's dot: what stands in `search` of resolv.conf are the cluster's names.
        let asked = resolver.dns.lookup_ip(format!("{name}."));
        let found = tokio::time::timeout(DEADLINE, asked).await;
        let found = found.map_err(|_| NameError::TimedOut)?.map_err(NameError::Unknown)?;
        // Whoever has a name in the world's DNS can make it an alias of another tenant's Service (I4).
        let aliases = found.as_lookup().answers().iter().filter_map(|record| match &record.data {
            RData::CNAME(alias) => Some(&alias.0),
            _ => None,
        });
        if aliases.into_iter().any(|alias| is_inside(alias, &resolver.cluster)) {
            return Err(NameError::Inside);
        }
        Ok(found.iter().collect())
    }
}

/// The right to look one name up; given back by being dropped, as when the client goes away.
struct Turn<'a>(&'a Cell<usize>);

impl<'a> Turn<'a> {
    fn take(looking: &'a Cell<usize>) -> Option<Self> {
        (looking.get() < AT_ONCE).then(|| {
            looking.set(looking.get() + 1);
            Self(looking)
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A resolver that asks the configured name servers, or those of `/etc/resolv.conf`.
fn resolver(config: &UpstreamConfig) -> Result<Resolver, NetError> {
    let servers: Vec<_> = config.name_servers.iter().map(name_server).collect();
    let (servers, mut options) = if servers.is_empty() {
        read_system_conf()?
    } else {
        (ResolverConfig::from_parts(None, Vec::new(), servers), ResolverOpts::default())
    };
    limit(&mut options);
    let servers = datagrams_only(servers);
    let cluster = cluster(servers.search()).into();
    let provider = TokioRuntimeProvider::default();
    let mut builder = TokioResolver::builder_with_config(servers, provider);
    *builder.options_mut() = options;
    Ok(Resolver { dns: builder.build()?, cluster })
}

/// What is above the names of Services and Pods, by the search list that Kubernetes gives to a Pod, whatever the
/// cluster's domain is called.
fn cluster(search: &[Name]) -> Vec<Name> {
    let services = search.iter().filter(|zone| zone.iter().next() == Some(b"svc"));
    let pods = services.clone().filter_map(|zone| zone.base_name().prepend_label("pod").ok());
    services.cloned().chain(pods).collect()
}

/// Whether a name means something inside a cluster or a machine.
fn is_inside(name: &Name, cluster: &[Name]) -> bool {
    let is_local = |label: &[u8]| {
        ["local", "localhost", "localdomain"]
            .iter()
            .any(|local| label.eq_ignore_ascii_case(local.as_bytes()))
    };
    name.num_labels() < 2
        || name.iter().next_back().is_none_or(is_local)
        || cluster.iter().any(|zone| zone.zone_of(name))
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut connection = ConnectionConfig::udp();
    connection.port = address.port();
    NameServerConfig::new(address.ip(), true, vec![connection])
}

/// Whoever owns a name chooses what its name servers answer, and over TCP that may be thousands of addresses, which take
/// 200 bytes each as long as they are kept.  In a datagram there is room for 70.
fn datagrams_only(servers: ResolverConfig) -> ResolverConfig {
    let (domain, search, mut name_servers) = servers.into_parts();
    for server in &mut name_servers {
        server.connections.retain(|connection| matches!(connection.protocol, ProtocolConfig::Udp));
    }
    ResolverConfig::from_parts(domain, search, name_servers)
}

fn limit(options: &mut ResolverOpts) {
    options.timeout = ATTEMPT;
    options.attempts = 2;
    options.cache_size = KEPT;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // Longer datagrams than 512 bytes: see `datagrams_only`.
    options.edns0 = true;
    // The names in it are those of this very Pod.
    options.use_hosts_file = ResolveHosts::Never;
    // Aliases on the way are looked at.
    options.preserve_intermediates = true;
    options.positive_min_ttl = Some(TTL.0);
    options.positive_max_ttl = Some(TTL.1);
    options.negative_max_ttl = Some(NEGATIVE_TTL);
    options.max_active_requests = AT_ONCE;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_waits_for_so_many_names_and_no_more() {
        let looking = Cell::default();
        let mut turns: Vec<_> = (0..AT_ONCE).filter_map(|_| Turn::take(&looking)).collect();
        assert_eq!(turns.len(), AT_ONCE);
        assert!(Turn::take(&looking).is_none());
        turns.pop();
        assert!(Turn::take(&looking).is_some());
    }
    #[test]
    fn an_alias_of_a_name_of_the_cluster_is_known_by_the_search_list() {
        let name = |text: &str| Name::from_ascii(text).unwrap();
        let search = ["acme.svc.corp.example.", "svc.corp.example.", "corp.example.", "example."];
        let cluster = cluster(&search.map(name));
        for inside in [
            "web.acme.svc.corp.example.",
            "WEB.ACME.SVC.Corp.Example.",
            "10-0-0-7.acme.pod.corp.example.",
            "web.acme.svc.cluster.local.",
            "a.LOCALHOST.",
            "web.",
            ".",
        ] {
            assert!(is_inside(&name(inside), &cluster), "{inside}");
        }
        for outside in ["api.corp.example.", "a.b.svc.ms.", "local.example.com."] {
            assert!(!is_inside(&name(outside), &cluster), "{outside}");
        }
    }
}
