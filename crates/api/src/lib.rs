// SPDX-License-Identifier: Apache-2.0
//! The Kubernetes kinds that Postern reads, and its own, as slim types: only the fields that are read.
//!
//! One file per kind.  Unknown fields are ignored, and everything that Kubernetes allows to be absent (or null) may
//! be.  What a value means is decided in `source`.

pub mod crd;
mod endpoint_slice;
mod host_claim;
mod ingress;
mod ingress_class;
mod list;
mod metadata;
mod namespace;
mod reference_grant;
mod secret;
mod service;
mod spelling;
mod tenant;
mod text_map;

pub use endpoint_slice::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice, TargetRef};
pub use host_claim::{HostClaim, HostClaimSpec, HostClaimStatus};
pub use ingress::{
    HttpIngressPath, HttpIngressRule, Ingress, IngressBackend, IngressRule, IngressServiceBackend,
    IngressSpec, IngressTls, ServiceBackendPort,
};
pub use ingress_class::{IngressClass, IngressClassSpec};
pub use list::TypeMeta;
pub use metadata::{Annotations, ObjectMeta};
pub use namespace::Namespace;
pub use reference_grant::{
    ReferenceGrant, ReferenceGrantFrom, ReferenceGrantSpec, ReferenceGrantTo,
};
pub use secret::{Secret, SecretData, SecretText};
pub use service::{Service, ServicePort, ServiceSpec};
pub use spelling::{edits, is_nearly};
pub use tenant::{LabelSelector, Tenant, TenantLimits, TenantSpec, TenantTls};
pub use text_map::TextMap;

use serde::{Deserialize, Deserializer};

/// Reads a field where `null` means the same as absent, as Kubernetes has it for lists, maps and structs.
fn null_is_absent<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
