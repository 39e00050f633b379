// SPDX-License-Identifier: Apache-2.0
//! What the installation says about status.

use crate::view::Address;

/// How status is written.
#[derive(Clone, Debug)]
pub struct Options {
    /// A name that no other replica has: the Pod's.
    pub identity: String,
    /// The namespace of the Lease: Postern's own.
    pub lease_namespace: String,
    /// The Lease's name: one for each installation.
    pub lease_name: String,
    /// The name under which fields are owned (`metadata.managedFields`).
    pub field_manager: String,
    /// The namespaces whose Ingresses are followed; empty: all.
    pub namespaces: Vec<String>,
    /// What is written to `status.loadBalancer`.
    pub endpoint: IngressEndpoint,
}

impl Options {
    /// The usual names, for a replica of that identity in that namespace.
    pub fn new(identity: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self {
            identity: identity.into(),
            lease_namespace: namespace.into(),
            lease_name: "postern".to_owned(),
            field_manager: "postern".to_owned(),
            namespaces: Vec::new(),
            endpoint: IngressEndpoint::Nothing,
        }
    }
}

/// `providers.kubernetesIngress.ingressEndpoint`, and `reportNodeInternalIPs`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IngressEndpoint {
    /// Not configured: `status.loadBalancer` is left alone.
    #[default]
    Nothing,
    /// `ip` and `hostname`.
    Address(Address),
    /// `publishedService`: the addresses of that Service are copied.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// `reportNodeInternalIPs`: the internal addresses of all nodes.
    Nodes,
}
