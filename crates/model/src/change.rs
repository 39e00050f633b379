// SPDX-License-Identifier: Apache-2.0
//! One object coming, changing or going: what an incremental compile works from.

use std::sync::Arc;

use crate::backend::{EndpointSlice, Service};
use crate::claim::HostClaim;
use crate::grant::Grant;
use crate::origin::{ObjectKey, Origin};
use crate::route::HttpRoutes;
use crate::secret::Secret;
use crate::tenant::{IngressClass, Namespace, TenantId, TenantSpec};

/// An object, parsed on its own, before it is filed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A namespace.
    Namespace(Arc<Namespace>),
    /// A class.
    IngressClass(Arc<IngressClass>),
    /// A tenant.
    Tenant(Arc<TenantSpec>),
    /// A recorded claim.
    HostClaim(Arc<HostClaim>),
    /// Routes.
    HttpRoutes(Arc<HttpRoutes>),
    /// A Secret.
    Secret(Arc<Secret>),
    /// A Service.
    Service(Arc<Service>),
    /// A slice of endpoints.
    EndpointSlice(Arc<EndpointSlice>),
    /// A grant.
    Grant(Arc<Grant>),
}

impl Object {
    /// Where it comes from.
    pub fn origin(&self) -> &Origin {
        match self {
            Self::Namespace(o) => &o.origin,
            Self::IngressClass(o) => &o.origin,
            Self::Tenant(o) => &o.origin,
            Self::HostClaim(o) => &o.origin,
            Self::HttpRoutes(o) => &o.origin,
            Self::Secret(o) => &o.origin,
            Self::Service(o) => &o.origin,
            Self::EndpointSlice(o) => &o.origin,
            Self::Grant(o) => &o.origin,
        }
    }

    /// Its identity.
    pub fn key(&self) -> &ObjectKey {
        &self.origin().key
    }
}

/// One object of one tenant, before and after.
#[derive(Clone, Debug)]
pub struct Change {
    /// Whose it is.
    pub tenant: TenantId,
    /// What it was; nothing if it is new.
    pub before: Option<Object>,
    /// What it is; nothing if it is gone.
    pub after: Option<Object>,
}

/// What has changed in a [`crate::World`] since it was last asked.
#[derive(Clone, Debug, Default)]
pub enum Changes {
    /// Nothing.
    #[default]
    None,
    /// These objects of tenants, in the order in which they changed.
    Some(Vec<Change>),
    /// The boundary itself, a class, a recorded claim, or the settings: compile from scratch.
    Everything,
}
