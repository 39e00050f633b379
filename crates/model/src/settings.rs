// SPDX-License-Identifier: Apache-2.0
//! The part of the install configuration that decides how declarations are compiled.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::label_selector::LabelSelector;

/// How namespaces become tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TenancyMode {
    /// Each namespace is a tenant, unless a Tenant object groups it.
    #[default]
    Namespace,
    /// Only namespaces that a Tenant object lists; objects elsewhere are refused.
    Declared,
    /// One tenant: a single team.
    Off,
}

/// The index of an entry point in [`Settings::entry_points`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPointId(pub u8);

/// A set of entry points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EntryPointSet(u64);

impl EntryPointSet {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// With `id` added.
    #[must_use]
    pub fn with(self, id: EntryPointId) -> Self {
        Self(self.0 | 1 << id.0)
    }

    /// Whether `id` is in it.
    pub fn contains(self, id: EntryPointId) -> bool {
        self.0 & (1 << id.0) != 0
    }

    /// What is in either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// An entry point, as far as compiling cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    /// Its name: `web`, `websecure`.
    pub name: Arc<str>,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Whether rules that name no entry point are served on it (`asDefault`).
    pub is_default: bool,
}

/// The most entry points that there can be.
pub const MAX_ENTRY_POINTS: usize = 64;

/// Which addresses tenants' backends may have (I14).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct EgressPolicy {
    /// Allowed although denied below or by default.
    pub allow: Vec<IpNet>,
    /// Denied in addition to the defaults.
    pub deny: Vec<IpNet>,
    /// Refuse endpoints whose slice names no Pod as `targetRef`.
    pub require_pod_targets: bool,
}

impl EgressPolicy {
    /// Whether a tenant's backend may live at `address`.  Denied by default: loopback, link-local and the clouds'
    /// metadata services, unspecified, multicast and broadcast, in IPv4, IPv6 and IPv4-mapped spelling.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let within = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address));
        if within(&self.allow) {
            return true;
        }
        !(within(&self.deny) || denied_by_default(address))
    }
}

fn denied_by_default(address: IpAddr) -> bool {
    if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
        return true;
    }
    match address {
        IpAddr::V4(v4) => {
            v4.is_link_local()
                || v4.is_broadcast()
                || v4.octets()[0] == 0
                || METADATA.contains(&v4.octets())
        }
        IpAddr::V6(v6) => {
            // fe80::/10 link-local; fd00:ec2::/32 and fd20:ce::/32 metadata; ::/96 IPv4-compatible, ::ffff:0:0:0/96
            // IPv4-translated, 64:ff9b::/96 and 64:ff9b:1::/48 NAT64: ways around v4.
            let s = v6.segments();
            s[0] & 0xffc0 == 0xfe80
                || matches!(s[..2], [0xfd00, 0x0ec2] | [0xfd20, 0x00ce])
                || matches!(s[..6], [0, 0, 0, 0, 0 | 0xffff, 0])
                || s[..6] == [0x64, 0xff9b, 0, 0, 0, 0]
                || s[..3] == [0x64, 0xff9b, 1]
        }
    }
}

/// Metadata services outside the link-local range: Azure's, Alibaba Cloud's, Oracle Cloud's.
const METADATA: [[u8; 4]; 3] = [[168, 63, 129, 16], [100, 100, 100, 200], [192, 0, 0, 192]];

/// The install configuration, as far as compiling cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `tenancy.mode`
    pub tenancy: TenancyMode,
    /// At most [`MAX_ENTRY_POINTS`].
    pub entry_points: Vec<EntryPoint>,
    /// `providers.kubernetesIngress.ingressClass`
    pub ingress_class: Option<Arc<str>>,
    /// `providers.kubernetesIngress.namespaces`; empty: all.
    pub namespaces: Vec<Arc<str>>,
    /// IngressClasses are read: not with `providers.kubernetesIngress.disableClusterScopeResources`.
    pub reads_classes: bool,
    /// `providers.kubernetesIngress.labelSelector`: which Ingress objects are read, by their labels.
    pub label_selector: LabelSelector,
    /// `providers.kubernetesIngress.allowEmptyServices`: routes without endpoints answer 503, and 404 when false.
    pub allow_empty_services: bool,
    /// `providers.kubernetesIngress`: Ingress objects are served; if false none is.
    pub serves_ingresses: bool,
    /// `providers.kubernetesIngress.allowExternalNameServices`: Services of type ExternalName are served.
    pub allow_external_names: bool,
    /// `providers.kubernetesIngress.nativeLBByDefault`: requests go to a Service's own address, not to its endpoints,
    /// unless its annotation `service.nativelb` says otherwise.
    pub native_lb_by_default: bool,
    /// `providers.kubernetesIngress.strictPrefixMatching`: a path of type Prefix matches element by element, as
    /// Kubernetes has it; if false byte by byte, as in Traefik by default.
    pub strict_prefix_matching: bool,
    /// `providers.kubernetesIngress.crossProviderNamespaces`: the namespaces whose objects may name `name@provider`
    /// in annotations; absent: all, empty: none.
    pub cross_provider_namespaces: Option<Vec<Arc<str>>>,
    /// References to another namespace of the same tenant (`allowCrossNamespace`).
    pub allow_cross_namespace: bool,
    /// `egress.*`
    pub egress: EgressPolicy,
    /// For how long a released name stays dark for other tenants, in seconds.
    pub quarantine_seconds: i64,
    /// The most hostnames that a tenant holds claims to (`tenancy.limits.hosts`), unless its Tenant says otherwise;
    /// none: no limit.  There are no claims, and so no limit, in mode `off`.
    pub max_hosts: Option<u32>,
    /// The most rules and certificates of a tenant (`tenancy.limits.routes`), unless its Tenant says otherwise; none: no
    /// limit.  It does not hold in mode `off`.
    pub max_routes: Option<u32>,
}

/// Enough for a team, and no more than an API server and 40 MB of memory bear for each of a few.
const MAX_HOSTS: u32 = 5000;
/// A rule for each of the hostnames and some more.
const MAX_ROUTES: u32 = 20_000;

impl Default for Settings {
    fn default() -> Self {
        let entry_point = |name: &str, tls| EntryPoint { name: name.into(), tls, is_default: true };
        Self {
            tenancy: TenancyMode::default(),
            entry_points: vec![entry_point("web", false), entry_point("websecure", true)],
            ingress_class: None,
            namespaces: Vec::new(),
            reads_classes: true,
            label_selector: LabelSelector::default(),
            allow_empty_services: true,
            serves_ingresses: true,
            allow_external_names: false,
            native_lb_by_default: false,
            strict_prefix_matching: true,
            cross_provider_namespaces: None,
            allow_cross_namespace: false,
            egress: EgressPolicy::default(),
            quarantine_seconds: 24 * 3600,
            max_hosts: Some(MAX_HOSTS),
            max_routes: Some(MAX_ROUTES),
        }
    }
}

impl Settings {
    /// The entry points for which `wanted` says yes.
    pub fn entry_points_where(&self, wanted: impl Fn(&EntryPoint) -> bool) -> EntryPointSet {
        let ids = (0_u8..).map(EntryPointId);
        self.entry_points
            .iter()
            .zip(ids)
            .filter(|(entry_point, _)| wanted(entry_point))
            .fold(EntryPointSet::NONE, |set, (_, id)| set.with(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_forbidden_address_is_denied() {
        let policy = EgressPolicy::default();
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1",
            "::ffff:0:127.0.0.1",
            "fd20:ce::254",
            "168.63.129.16",
            "::ffff:168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
        ] {
            assert!(!policy.allows(address.parse().unwrap()), "{address}");
        }
        assert!(policy.allows("10.1.2.3".parse().unwrap()));
        assert!(policy.allows("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn the_operator_may_allow_and_deny() {
        let policy = EgressPolicy {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            deny: vec!["10.0.0.0/8".parse().unwrap()],
            require_pod_targets: false,
        };
        assert!(policy.allows("127.0.0.1".parse().unwrap()));
        assert!(!policy.allows("10.1.2.3".parse().unwrap()));
    }
}
