// SPDX-License-Identifier: Apache-2.0
//! Postern's own custom resources in full: with schema, validation rules, printer columns and status.
//!
//! The CustomResourceDefinitions in `deploy/charts/postern/crds` are generated from these types (`cargo xtask crds`).
//! What `source` reads are the slim types beside this module; what `status` writes is here.

mod condition;
#[allow(unreachable_pub, clippy::duplicated_attributes, reason = "what the derive macro makes")]
mod host_claim;
#[allow(unreachable_pub, clippy::duplicated_attributes, reason = "what the derive macro makes")]
mod tenant;

pub use condition::{Condition, ConditionStatus};
pub use host_claim::{HostClaim, HostClaimSpec, HostClaimState, HostClaimStatus, object_name};
pub use tenant::{
    Isolation, NamespaceSelector, PinnedNamespace, Tenant, TenantLimits, TenantSpec, TenantStatus,
    TenantSummary, TenantTls, TlsVersion,
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_core::CustomResourceExt;

/// Every definition, with the name of the file that it is committed as.
pub fn definitions() -> Vec<(&'static str, CustomResourceDefinition)> {
    vec![
        ("postern.dev_hostclaims.yaml", HostClaim::definition()),
        ("postern.dev_tenants.yaml", Tenant::crd()),
    ]
}
