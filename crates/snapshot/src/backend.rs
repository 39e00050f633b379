// SPDX-License-Identifier: Apache-2.0
//! A Service's port, resolved to addresses.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use postern_model::{AppProtocol, EgressPolicy, Host};

/// Which port of which Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendKey {
    /// The Service's namespace.
    pub namespace: Arc<str>,
    /// The Service's name.
    pub service: Arc<str>,
    /// The number of the Service's port.
    pub port: u16,
}

/// The number of a backend among those of its tenant.  Stable while the backend is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendSlot(pub u32);

/// Where requests of a route go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Which port of which Service.
    pub key: BackendKey,
    /// What is spoken there.
    pub protocol: AppProtocol,
    /// The name that the endpoint's certificate must have, where TLS is spoken: `SERVICE.NAMESPACE.svc`.
    pub server_name: Arc<str>,
    /// Whether the client's Host is passed on (else the endpoint's address is sent).
    pub pass_host_header: bool,
    /// The endpoints that serve, sorted, without duplicates.
    pub endpoints: Arc<[SocketAddr]>,
    /// Where it is, if that is known by a name only (`type: ExternalName`): endpoints are found when they are needed.
    pub external: Option<Box<External>>,
}

/// A name behind which a backend is, and which of its addresses may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// The name.
    pub name: Host,
    /// Which addresses the operator allows and denies.
    pub egress: EgressPolicy,
    /// Whether only addresses of the public Internet are used, and those that the operator allows by themselves: Pods,
    /// nodes and the API server, of whomever, have private ones (I14).
    pub public_only: bool,
}

impl Backend {
    /// Whether there is anything that requests may be sent to.
    pub fn serves(&self) -> bool {
        self.external.is_some() || !self.endpoints.is_empty()
    }

    /// Whether a connection to `endpoint` may be one of this backend's.
    pub fn may_have(&self, endpoint: SocketAddr) -> bool {
        match &self.external {
            Some(external) => endpoint.port() == self.key.port && external.admits(endpoint.ip()),
            None => self.endpoints.binary_search(&endpoint).is_ok(),
        }
    }

    /// What is sent as Host where the client's is not passed on: the endpoint's address, or the name that it was found
    /// by.
    pub fn host_of(&self, endpoint: SocketAddr) -> String {
        let default = if self.protocol == AppProtocol::Https { 443 } else { 80 };
        match &self.external {
            None => endpoint.to_string(),
            Some(external) if endpoint.port() == default => external.name.to_string(),
            Some(external) => format!("{}:{}", external.name, endpoint.port()),
        }
    }
}

impl External {
    /// Whether requests may be sent to an address of the name.
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_allowed = self.egress.allow.iter().any(|net| net.contains(&address));
        let is_reachable = !self.public_only || is_public(address);
        is_allowed || is_reachable && self.egress.allows(address)
    }
}

/// Whether an address is one of the public Internet (IANA special-purpose address registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            // Shared address space, IETF protocol assignments, 6to4 relays, benchmarking, reserved.
            let special = a == 100 && b & 0xc0 == 64
                || (a, b, c) == (192, 0, 0)
                || (a, b, c) == (192, 88, 99)
                || a == 198 && b & 0xfe == 18
                || a == 0
                || a >= 240;
            let local = v4.is_private() || v4.is_loopback() || v4.is_link_local();
            !(local || special || v4.is_documentation())
        }
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// Global unicast, without the ranges that stand for IPv4 addresses (Teredo, 6to4) or for nothing.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    segments[0] & 0xe000 == 0x2000
        && segments[0] != 0x2002
        && !(segments[0] == 0x2001 && segments[1] < 0x0200)
        && !(segments[0] == 0x2001 && segments[1] == 0x0db8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(address: &str, public_only: bool, allow: &[&str]) -> bool {
        let allow = allow.iter().map(|net| net.parse().unwrap()).collect();
        let egress = EgressPolicy { allow, ..EgressPolicy::default() };
        let name = Host::parse("api.example.com").unwrap();
        External { name, egress, public_only }.admits(address.parse().unwrap())
    }

    #[test]
    fn a_name_leads_to_the_public_internet_or_where_the_operator_allows() {
        for private in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "240.0.0.1",
            "192.0.0.1",
            "fd00::1",
            "fec0::1",
            "2002:0a00:1::1",
            "2001::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(!admits(private, true, &[]), "{private}");
            assert!(!admits(private, true, &["11.0.0.0/8"]), "{private}");
        }
        assert!(admits("10.0.0.1", true, &["10.0.0.0/8"]));
        assert!(admits("::ffff:10.0.0.1", true, &["10.0.0.0/8"]));
        assert!(admits("10.0.0.1", false, &[]));
        for public in ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "2001:4860:4860::8888"] {
            assert!(admits(public, true, &[]), "{public}");
        }
    }

    #[test]
    fn no_name_leads_to_what_is_denied_to_everybody() {
        for denied in [
            "127.0.0.1",
            "169.254.169.254",
            "::1",
            "::ffff:127.0.0.1",
            "0.0.0.0",
            "64:ff9b::7f00:1",
            "fe80::1",
        ] {
            assert!(!admits(denied, false, &[]), "{denied}");
            assert!(!admits(denied, true, &[]), "{denied}");
        }
    }
}
