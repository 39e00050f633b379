// SPDX-License-Identifier: Apache-2.0
//! Objects as the leader looks at them: whose they are and what their status says, nothing else.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::NamespaceResourceScope;
use postern_api::crd;
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
    metadata.resource_version.as_deref().and_then(|v| v.parse().ok()).unwrap_or(u64::MAX)
}

/// An Ingress as it was last seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SeenIngress {
    pub(crate) uid: String,
    pub(crate) version: u64,
    pub(crate) addresses: Vec<Address>,
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
pub(crate) type Key = (std::sync::Arc<str>, std::sync::Arc<str>);

impl Watched for Ingress {
    type Kept = SeenIngress;

    fn keep(self) -> SeenIngress {
        SeenIngress {
            version: version(&self.metadata),
            uid: self.metadata.uid.unwrap_or_default(),
            addresses: self.status.unwrap_or_default().addresses(),
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
    type Kept = Box<Self>;

    fn keep(mut self) -> Self::Kept {
        self.metadata.managed_fields = None;
        self.metadata.annotations = None;
        Box::new(self)
    }
}
