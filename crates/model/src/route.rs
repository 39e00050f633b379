// SPDX-License-Identifier: Apache-2.0
//! HTTP routes as declared, whatever kind they were written in.

use std::sync::Arc;

use crate::backend::Service;
use crate::finding::Finding;
use crate::host::HostPattern;
use crate::origin::Origin;
use crate::reference::Ref;
use crate::secret::Secret;

/// All that one object (today: an Ingress) declares about HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRoutes {
    /// Which object.
    pub origin: Origin,
    /// How the object chooses its controller.
    pub class: ClassSelection,
    /// The rules, in the order in which they were written.
    pub rules: Vec<HttpRule>,
    /// The certificates that the object brings.
    pub certificates: Vec<CertificateUse>,
    /// What reading the object already found, local to the object.
    pub findings: Vec<Finding>,
}

/// `spec.ingressClassName`, else the annotation `kubernetes.io/ingress.class`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassSelection {
    /// Neither is there.
    Unset,
    /// `spec.ingressClassName`.
    Named(Arc<str>),
    /// The annotation.
    Annotated(Arc<str>),
}

/// One host, one path, one backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRule {
    /// The host, or `None`: every host that the tenant owns.
    pub host: Option<HostPattern>,
    /// Which paths.
    pub path: PathMatch,
    /// Where to; `None` when the author named nothing that can be served (answered with 503: fail closed).
    pub backend: Option<BackendUse>,
    /// On which entry points.
    pub entry_points: EntryPointSelection,
    /// On which of those: all, or only where TLS is spoken.
    pub tls: TlsUse,
    /// An explicit priority (`router.priority`), if not 0.
    pub priority: Option<i64>,
    /// A default backend: it comes after every rule of its host, whatever their priorities.
    pub is_default: bool,
    /// Security-bearing references that cannot be honoured (middlewares, TLS options): what they guard is closed (I9).
    pub closed_by: Vec<Arc<str>>,
    /// The field in the object, for findings: `spec.rules[0].http.paths[1]`.
    pub field: Arc<str>,
}

/// A path condition.  Paths are compared in normal form, case-sensitively.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathMatch {
    /// The whole path (Kubernetes `Exact`, Traefik `Path`).
    Exact(Arc<str>),
    /// Element by element (Kubernetes `Prefix`): `/a` matches `/a` and `/a/b`, not `/ab`.
    Prefix(Arc<str>),
    /// Byte by byte (Traefik `PathPrefix`, what `ImplementationSpecific` means there): `/a` matches `/ab`.
    StringPrefix(Arc<str>),
}

/// A Service and a port of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendUse {
    /// The Service.
    pub service: Ref<Service>,
    /// Its port.
    pub port: PortName,
}

/// How a port of a Service is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortName {
    /// By number.
    Number(u16),
    /// By name.
    Name(Arc<str>),
}

/// Which entry points a rule is served on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryPointSelection {
    /// Nothing said: all of the default entry points.
    Default,
    /// By name (`router.entrypoints`).
    Named(Vec<Arc<str>>),
}

/// Whether a rule also answers in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsUse {
    /// On clear and TLS entry points alike.
    Any,
    /// Only over TLS (`router.tls: "true"`).
    Only,
}

/// One entry of `spec.tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateUse {
    /// The Secret with `tls.crt` and `tls.key`.
    pub secret: Ref<Secret>,
    /// The hosts that it is declared for; empty: all hosts of the object's rules.
    pub hosts: Vec<HostPattern>,
    /// The field in the object, for findings: `spec.tls[0]`.
    pub field: Arc<str>,
}
