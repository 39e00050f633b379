// SPDX-License-Identifier: Apache-2.0
//! One write to the cluster.

use std::sync::Arc;

use k8s_openapi::api::events::v1::Event;
use postern_api::crd;
use serde_json::Value;

use crate::view::{Key, SeenClaim, SeenIngress};

/// What is written, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// Which object; there is never more than one write to an object under way.
    pub(crate) target: Target,
    /// Whose turn it is.
    pub(crate) tenant: Arc<str>,
    /// What.
    pub(crate) write: Write,
}

/// The object that a write is to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Target {
    /// A HostClaim, by name.
    Claim(String),
    /// The status of an Ingress.
    Ingress(Key),
    /// The status of a Tenant, by name.
    Tenant(Arc<str>),
    /// An Event, by namespace and name.
    Event(Arc<str>, String),
}

impl Target {
    /// The word for it in metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Claim(_) => "claim",
            Self::Ingress(_) => "ingress",
            Self::Tenant(_) => "tenant",
            Self::Event(..) => "event",
        }
    }

    /// The kind and the namespace: access is granted, or not, to all of them alike.
    pub(crate) fn grant(&self) -> (&'static str, Arc<str>) {
        let namespace = match self {
            Self::Claim(_) | Self::Tenant(_) => Arc::from(""),
            Self::Ingress((namespace, _)) | Self::Event(namespace, _) => namespace.clone(),
        };
        (self.word(), namespace)
    }
}

/// What is written.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// A HostClaim that is not there.
    CreateClaim(Box<crd::HostClaim>),
    /// A merge patch of a HostClaim's spec, valid for one version of it.
    ClaimSpec(Value),
    /// A merge patch of a HostClaim's status, valid for one version of it.
    ClaimStatus(Value),
    /// The deletion of one version of one HostClaim: whoever took the name over meanwhile keeps it.
    DeleteClaim {
        /// Which object of that name.
        uid: Option<String>,
        /// Which version of it.
        resource_version: Option<String>,
    },
    /// A server-side apply of an Ingress' status.
    Ingress(Value),
    /// A server-side apply of a Tenant's status.
    Tenant(Value),
    /// An Event that is not there, as far as is known, and what to do if it is.
    NewEvent(Box<Event>, Value),
    /// An Event that is there already, seen once more; and the Event in case that it is not.
    RepeatEvent(Box<Event>, Value),
}

/// What the cluster has now.
#[derive(Debug)]
pub(crate) enum Written {
    /// A HostClaim.
    Claim(Box<SeenClaim>),
    /// No HostClaim of that name.
    NoClaim,
    /// An Ingress.
    Ingress(SeenIngress),
    /// A Tenant.
    Tenant(Box<crd::Tenant>),
    /// An Event.
    Event,
}
