// SPDX-License-Identifier: Apache-2.0
//! Services and their endpoints, as declared.

use std::net::IpAddr;
use std::sync::Arc;

use crate::origin::{Kind, Origin};
use crate::reference::Declarable;

/// What is spoken to the endpoints of a port (`appProtocol`, KEP-3726).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AppProtocol {
    /// HTTP/1.1 in the clear: `http`, `kubernetes.io/ws`, or nothing said.
    #[default]
    Http,
    /// HTTP over TLS, verified by default: `https`, `kubernetes.io/wss`.
    Https,
    /// HTTP/2 in the clear with prior knowledge: `h2c`, `kubernetes.io/h2c`, `grpc`.
    H2c,
}

/// What kind of Service it is, as far as routing cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceKind {
    /// Endpoints come from EndpointSlices (ClusterIP, NodePort, LoadBalancer, headless).
    Endpoints,
    /// The Service's own address (`clusterIP`), behind which the cluster balances (`nativeLBByDefault`).
    Native(IpAddr),
    /// `type: ExternalName`: refused unless the operator allows it.
    ExternalName(Arc<str>),
}

/// One port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// The port's name; empty when unnamed.
    pub name: Arc<str>,
    /// The port's number.
    pub port: u16,
    /// What is spoken there.
    pub protocol: AppProtocol,
}

/// A `v1` Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Which Service.
    pub origin: Origin,
    /// Where its endpoints come from.
    pub kind: ServiceKind,
    /// Its TCP ports.
    pub ports: Vec<ServicePort>,
    /// `traefik.ingress.kubernetes.io/service.passhostheader`, true by default.
    pub pass_host_header: bool,
}

impl Declarable for Service {
    const KIND: Kind = Kind::Service;
}

/// A `discovery.k8s.io/v1` EndpointSlice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Which slice.
    pub origin: Origin,
    /// The Service that it belongs to (label `kubernetes.io/service-name`), in the slice's namespace.
    pub service: Arc<str>,
    /// Port name and number; a port without a number is left out.  An unnamed port has an empty name.
    pub ports: Vec<(Arc<str>, u16)>,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
}

impl Declarable for EndpointSlice {
    const KIND: Kind = Kind::EndpointSlice;
}

/// One endpoint of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its addresses (the API allows several; all mean the same endpoint, the first is used).
    pub addresses: Vec<IpAddr>,
    /// `conditions.ready`; absent means true.
    pub ready: bool,
    /// `conditions.serving`; absent means the same as ready.
    pub serving: bool,
    /// `conditions.terminating`; absent means false.
    pub terminating: bool,
    /// The namespace of `targetRef`, where that is a Pod.
    pub pod_namespace: Option<Arc<str>>,
}
