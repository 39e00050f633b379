// SPDX-License-Identifier: Apache-2.0
//! ReferenceGrants: how one namespace lends to another, signed by the lender.

use std::sync::Arc;

use crate::origin::{Kind, Origin};
use crate::reference::Declarable;

/// A `gateway.networking.k8s.io` ReferenceGrant; it lends what lives in its own namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which grant.
    pub origin: Origin,
    /// Who may refer.
    pub from: Vec<GrantFrom>,
    /// To what.
    pub to: Vec<GrantTo>,
}

impl Declarable for Grant {
    const KIND: Kind = Kind::ReferenceGrant;
}

/// One `spec.from` entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantFrom {
    /// API group of the referring kind.
    pub group: Arc<str>,
    /// The referring kind.
    pub kind: Arc<str>,
    /// The namespace of the referring object.
    pub namespace: Arc<str>,
}

/// One `spec.to` entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantTo {
    /// API group of the target; empty for core.
    pub group: Arc<str>,
    /// The target's kind.
    pub kind: Arc<str>,
    /// The target's name; absent: every object of that kind in the grant's namespace.
    pub name: Option<Arc<str>>,
}
