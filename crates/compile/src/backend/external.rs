// SPDX-License-Identifier: Apache-2.0
//! Services of type ExternalName, where the operator allows them: which names may be followed, and to where.
//!
//! A name of the cluster's own DNS would reach another tenant's Service without a grant (I4), and one without a dot
//! means what the resolver's search list makes of it: neither is followed, whatever address it has.

use std::net::IpAddr;

use postern_model::{Host, TenancyMode};
use postern_snapshot::External;

use crate::terms::Terms;

/// What an external name is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// An address: Kubernetes does not tell it from a name.
    Address(IpAddr),
    /// A name of the world's DNS.
    Name(Host),
}

impl Destination {
    /// Reads an external name; nothing if it is none, or means something inside a cluster or a machine.
    pub(super) fn of(name: &str) -> Option<Self> {
        if let Ok(address) = name.parse() {
            return Some(Self::Address(address));
        }
        let host = Host::parse(name).ok()?;
        let labels: Vec<_> = host.as_str().split('.').collect();
        let (&last, rest) = labels.split_last()?;
        // NAME.NAMESPACE.svc and ADDRESS.NAMESPACE.pod, with whatever the cluster's domain is called behind them.
        let is_inside = labels.iter().skip(1).any(|label| matches!(*label, "svc" | "pod"));
        let is_local = matches!(last, "local" | "localhost" | "localdomain");
        // `2130706433.0x7f`: numbers are addresses to some resolvers.
        let is_number = last.starts_with(|c: char| c.is_ascii_digit());
        (!rest.is_empty() && !is_inside && !is_local && !is_number).then_some(Self::Name(host))
    }

    /// With the rule about which addresses of it may be used.
    pub(super) fn under(name: Host, terms: &Terms) -> External {
        let settings = &terms.settings;
        External { name, egress: settings.egress.clone(), public_only: is_public_only(terms) }
    }
}

/// Where there are several tenants, or endpoints must be known Pods, no name may lead to private addresses: whose they
/// are is not known.
fn is_public_only(terms: &Terms) -> bool {
    terms.settings.tenancy != TenancyMode::Off || terms.settings.egress.require_pod_targets
}

/// The rule for an address that stands where a name should.
pub(super) fn admits(address: IpAddr, terms: &Terms) -> bool {
    let nobody = Host::parse("address.invalid").expect("it is a name");
    Destination::under(nobody, terms).admits(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_world_are_followed() {
        for name in ["api.example.com", "API.example.com.", "example.com", "svc.example.com"] {
            assert!(matches!(Destination::of(name), Some(Destination::Name(_))), "{name}");
        }
        for address in ["93.184.215.14", "2001:db8::1"] {
            assert!(matches!(Destination::of(address), Some(Destination::Address(_))), "{address}");
        }
    }

    #[test]
    fn names_of_the_cluster_and_of_the_machine_are_not() {
        for name in [
            "",
            "localhost",
            "web",
            "web.acme.svc",
            "web.acme.svc.cluster.local",
            "WEB.ACME.SVC.cluster.local.",
            "10-0-0-7.acme.pod.cluster.local",
            "web.acme.svc.corp.example",
            "printer.local",
            "a.localhost",
            "2130706433",
            "0x7f.1",
            "127.1",
            "[::1]",
            "a b.com",
            "*.example.com",
            "example.com:80",
        ] {
            assert_eq!(Destination::of(name), None, "{name}");
        }
    }
}
