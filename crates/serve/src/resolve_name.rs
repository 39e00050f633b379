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
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
    ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
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
    /// No address of it may be connected to.
    #[error("no address of the backend's name may be used")]
    Denied,
}

impl NameError {
    /// What the client is told.
    pub(crate) fn answer(&self) -> Answer {
        match self {
            Self::TimedOut => Answer::GatewayTimeout,
            Self::Unknown(_) | Self::Busy | Self::Denied => Answer::BadGateway,
        }
    }
}

/// One tenant's names on one worker.
#[derive(Default)]
pub(crate) struct Names {
    resolver: OnceCell<TokioResolver>,
    looking: Cell<usize>,
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
        let asked = resolver.lookup_ip(format!("{name}."));
        let found = tokio::time::timeout(DEADLINE, asked).await;
        let found = found.map_err(|_| NameError::TimedOut)?.map_err(NameError::Unknown)?;
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
fn resolver(config: &UpstreamConfig) -> Result<TokioResolver, NetError> {
    let servers: Vec<_> = config.name_servers.iter().map(name_server).collect();
    let provider = TokioRuntimeProvider::default();
    let mut builder = if servers.is_empty() {
        TokioResolver::builder(provider)?
    } else {
        let servers = ResolverConfig::from_parts(None, Vec::new(), servers);
        TokioResolver::builder_with_config(servers, provider)
    };
    limit(builder.options_mut());
    builder.build()
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    connections.iter_mut().for_each(|connection| connection.port = address.port());
    NameServerConfig::new(address.ip(), true, connections)
}

fn limit(options: &mut ResolverOpts) {
    options.timeout = ATTEMPT;
    options.attempts = 2;
    options.cache_size = KEPT;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // The names in it are those of this very Pod.
    options.use_hosts_file = ResolveHosts::Never;
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
}
