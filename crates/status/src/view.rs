// SPDX-License-Identifier: Apache-2.0
//! Objects as the leader looks at them: whose they are and what their status says, nothing else.

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::NamespaceResourceScope;
use postern_api::crd::{self, Condition, ConditionStatus, HostClaimState, HostClaimStatus};
use postern_model::{ClaimRecord, ClaimState, HostPattern};
use serde::{Deserialize, Serialize};

/// An address at which an Ingress can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// An IP address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// A name in DNS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
}

/// `status.loadBalancer`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct LoadBalancer {
    #[serde(default)]
    pub(crate) ingress: Option<Vec<Address>>,
}

/// `status` of an Ingress, and of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddressStatus {
    #[serde(default)]
    pub(crate) load_balancer: Option<LoadBalancer>,
}

impl AddressStatus {
    fn addresses(self) -> Vec<Address> {
        self.load_balancer.and_then(|balancer| balancer.ingress).unwrap_or_default()
    }
}

/// An Ingress without its rules.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Ingress {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default)]
    status: Option<AddressStatus>,
}

/// A Service without its ports.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Service {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Option<ServiceSpec>,
    #[serde(default)]
    status: Option<AddressStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceSpec {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    external_name: Option<String>,
    #[serde(default, rename = "externalIPs")]
    external_ips: Option<Vec<String>>,
    #[serde(default, rename = "clusterIPs")]
    cluster_ips: Option<Vec<String>>,
}

impl Service {
    /// The addresses at which a Service can be reached: what its load balancer has, else its external or cluster
    /// addresses.  None while a load balancer is being made.
    pub(crate) fn addresses(self) -> Vec<Address> {
        let spec = self.spec.unwrap_or_default();
        let by_ip = |ip| Address { ip: Some(ip), hostname: None };
        let external = spec.external_ips.unwrap_or_default();
        match spec.kind.as_deref() {
            Some("LoadBalancer") => self.status.unwrap_or_default().addresses(),
            Some("ExternalName") => {
                let name = spec.external_name.filter(|name| !name.is_empty());
                name.map(|name| Address { ip: None, hostname: Some(name) }).into_iter().collect()
            }
            _ if !external.is_empty() => external.into_iter().map(by_ip).collect(),
            _ => {
                let ips = spec.cluster_ips.unwrap_or_default();
                ips.into_iter().filter(|ip| ip != "None").map(by_ip).collect()
            }
        }
    }
}

macro_rules! resource {
    ($type:ty, $kind:literal, $group:literal, $plural:literal) => {
        impl Resource for $type {
            type DynamicType = ();
            type Scope = NamespaceResourceScope;

            fn kind((): &()) -> Cow<'_, str> {
                $kind.into()
            }

            fn group((): &()) -> Cow<'_, str> {
                $group.into()
            }

            fn version((): &()) -> Cow<'_, str> {
                "v1".into()
            }

            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

resource!(Ingress, "Ingress", "networking.k8s.io", "ingresses");
resource!(Service, "Service", "", "services");

/// Where an object's state stands in the order of all changes.  API servers count versions up
/// (kubernetes.io/docs/reference/using-api/api-concepts, "Resource versions"); one that is no number is always new.
pub(crate) fn version(metadata: &ObjectMeta) -> u64 {
    number(metadata.resource_version.as_deref())
}

fn number(version: Option<&str>) -> u64 {
    version.and_then(|version| version.parse().ok()).unwrap_or(u64::MAX)
}

/// An Ingress as it was last seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SeenIngress {
    pub(crate) uid: Box<str>,
    pub(crate) version: u64,
    pub(crate) addresses: Addresses,
}

/// The addresses of an object.  Nearly all have the same, which stand in memory once.
pub(crate) type Addresses = Arc<[Address]>;

/// A HostClaim as it was last seen: what it records, and what a write to it has to say.  There may be tens of thousands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SeenClaim {
    /// Nothing if nobody could read it.
    pub(crate) record: Option<ClaimRecord>,
    pub(crate) uid: Option<Box<str>>,
    pub(crate) resource_version: Option<Box<str>>,
    pub(crate) generation: Option<i64>,
    pub(crate) is_going: bool,
    pub(crate) told: Told,
}

/// What people read on a HostClaim.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// That it is held: so it is with nearly all of them, nearly always.
    Held,
    /// Anything else.
    Otherwise(Option<Box<HostClaimStatus>>),
}

impl SeenClaim {
    fn of(claim: crd::HostClaim) -> Self {
        let is_held = is_told_held(&claim);
        Self {
            record: record(&claim),
            is_going: claim.metadata.deletion_timestamp.is_some(),
            uid: claim.metadata.uid.map(String::into_boxed_str),
            resource_version: claim.metadata.resource_version.map(String::into_boxed_str),
            generation: claim.metadata.generation,
            told: if is_held { Told::Held } else { Told::Otherwise(claim.status.map(Box::new)) },
        }
    }

    /// What its status says, where that is not simply that it is held.
    pub(crate) fn status(&self) -> Option<&HostClaimStatus> {
        match &self.told {
            Told::Held => None,
            Told::Otherwise(status) => status.as_deref(),
        }
    }

    /// Where this state stands in the order of all changes.
    pub(crate) fn version(&self) -> u64 {
        number(self.resource_version.as_deref())
    }
}

/// What an object records; nothing if nobody could read it.
fn record(claim: &crd::HostClaim) -> Option<ClaimRecord> {
    let released = claim.status.as_ref().and_then(|status| status.released_at.as_deref());
    let state = match released {
        None => ClaimState::Held,
        Some(text) => {
            let time: jiff::Timestamp = text.parse().ok()?;
            ClaimState::Released(postern_model::Timestamp(time.as_second()))
        }
    };
    Some(ClaimRecord {
        pattern: HostPattern::parse(&claim.spec.host).ok()?,
        namespace: claim.spec.namespace.as_str().into(),
        namespace_uid: claim.spec.namespace_uid.as_deref().map(Into::into),
        epoch: u64::try_from(claim.spec.epoch).ok()?,
        state,
    })
}

fn is_told_held(claim: &crd::HostClaim) -> bool {
    claim.status.as_ref().is_some_and(|status| {
        let is_current = |condition: &Condition| {
            let held = condition.reason == "Held" && condition.status == ConditionStatus::True;
            held && condition.observed_generation == claim.metadata.generation
        };
        status.released_at.is_none()
            && status.state == Some(HostClaimState::Held)
            && matches!(&status.conditions[..], [condition] if is_current(condition))
    })
}

/// What can be watched: an object, and what of it is kept.
pub(crate) trait Watched: Resource<DynamicType = ()> {
    /// What is kept.
    type Kept: Send + 'static;
    /// Its identity: namespace and name.
    fn key(&self) -> Key {
        let metadata = self.meta();
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
        (text(&metadata.namespace), text(&metadata.name))
    }
    /// Lets go of the rest.
    fn keep(self) -> Self::Kept;
}

/// Namespace and name.
pub(crate) type Key = (Arc<str>, Arc<str>);

impl Watched for Ingress {
    type Kept = SeenIngress;

    fn keep(self) -> SeenIngress {
        SeenIngress {
            version: version(&self.metadata),
            uid: self.metadata.uid.unwrap_or_default().into(),
            addresses: self.status.unwrap_or_default().addresses().into(),
        }
    }
}

impl Watched for crd::Tenant {
    type Kept = Self;

    fn keep(mut self) -> Self {
        self.metadata.managed_fields = None;
        self.metadata.annotations = None;
        self
    }
}

impl Watched for crd::HostClaim {
    type Kept = Box<SeenClaim>;

    fn keep(self) -> Self::Kept {
        Box::new(SeenClaim::of(self))
    }
}
