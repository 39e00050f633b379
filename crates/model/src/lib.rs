// SPDX-License-Identifier: Apache-2.0
//! What tenants have declared, in Postern's words, references still by name.
//!
//! This crate holds nouns only: no I/O, no clock, no async. `source` fills a [`World`], `compile` reads it.

pub mod backend;
pub mod change;
pub mod claim;
mod claims;
pub mod finding;
pub mod grant;
pub mod host;
mod key_exchange;
pub mod label_selector;
pub mod origin;
pub mod path;
pub mod reference;
pub mod report;
pub mod route;
pub mod secret;
pub mod settings;
pub mod small_map;
pub mod tenant;
pub mod world;

pub use backend::{AppProtocol, Endpoint, EndpointSlice, Service, ServiceKind, ServicePort};
pub use change::{Change, Changes, Object};
pub use claim::{ClaimRecord, ClaimState, HostClaim, KEPT_SECONDS, Unrecorded};
pub use finding::{Finding, Quoted, Reason, Severity};
pub use grant::{Grant, GrantFrom, GrantTo};
pub use host::{Host, HostPattern, InvalidHost};
pub use key_exchange::{KeyExchange, KeyExchangeGroup, KeyExchangeGroups};
pub use label_selector::{InvalidSelector, LabelSelector};
pub use origin::{Kind, ObjectKey, Origin, Place, Timestamp};
pub use reference::{Declarable, Ref};
pub use report::{Report, Unserved};
pub use route::{
    BackendUse, CertificateUse, ClassSelection, EntryPointSelection, HttpRoutes, HttpRule,
    PathMatch, PortName, TlsUse,
};
pub use secret::{Secret, SecretBytes, SecretData};
pub use settings::{EgressPolicy, EntryPoint, EntryPointId, EntryPointSet, Settings, TenancyMode};
pub use small_map::SmallMap;
pub use tenant::{IngressClass, Namespace, Standing, Tenancy, TenantId, TenantSpec};
pub use world::{NamespaceModel, TenantModel, World};
