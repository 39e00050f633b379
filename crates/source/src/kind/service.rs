// SPDX-License-Identifier: Apache-2.0
//! `v1` Service, with Traefik's annotations about what is spoken to it.

use std::sync::Arc;

use postern_api as api;
use postern_api::Annotations;
use postern_model::{
    AppProtocol, Object, Quoted, Reason, Service, ServiceKind, ServicePort, Settings, Severity,
};

use super::{is_tcp, may_cross_providers, port_number, present};
use crate::interner::Interner;
use crate::reading::{Draft, Note};

pub(super) fn read(
    service: api::Service,
    draft: &mut Draft,
    strings: &mut Interner,
    settings: &Settings,
) -> Option<Object> {
    let annotations = annotations(&service.metadata.annotations, draft, settings);
    let kind = kind(&service.spec, annotations.native, draft);
    let mut ports = Vec::with_capacity(service.spec.ports.len());
    for (index, port) in service.spec.ports.iter().enumerate() {
        if annotations.is_closed || !is_tcp(port.protocol.as_deref()) {
            continue;
        }
        let Some(number) = port_number(port.port) else {
            draft.error(
                Reason::InvalidValue,
                Note {
                    field: format!("spec.ports[{index}].port").into(),
                    message: "not a port number".into(),
                    remedy: "write a number from 1 to 65535",
                },
            );
            continue;
        };
        let name = port.name.as_deref().unwrap_or_default();
        let protocol = annotations.scheme.unwrap_or_else(|| {
            let said = present(port.app_protocol.as_deref());
            said.map_or_else(|| guess(name, number), |said| app_protocol(said, index, draft))
        });
        ports.push(ServicePort { name: strings.share(name), port: number, protocol });
    }
    ports.shrink_to_fit();
    let origin = draft.origin.clone();
    let pass_host_header = annotations.pass_host_header;
    Some(Object::Service(Arc::new(Service { origin, kind, ports, pass_host_header })))
}

fn kind(spec: &api::ServiceSpec, native: bool, draft: &mut Draft) -> ServiceKind {
    if spec.kind.as_deref() != Some("ExternalName") {
        // A headless Service has no address of its own; its endpoints are used.
        let address = spec.cluster_ip.as_deref().filter(|_| native);
        let address = address.and_then(|address| address.parse().ok());
        return address.map_or(ServiceKind::Endpoints, ServiceKind::Native);
    }
    let name = spec.external_name.as_deref().unwrap_or_default();
    if name.is_empty() {
        draft.error(
            Reason::InvalidValue,
            Note {
                field: "spec.externalName".into(),
                message: "the Service is of type ExternalName and names nothing".into(),
                remedy: "write the external name",
            },
        );
    }
    ServiceKind::ExternalName(name.into())
}

/// Traefik's rule where nothing is said.
fn guess(name: &str, number: u16) -> AppProtocol {
    if number == 443 || name.starts_with("https") { AppProtocol::Https } else { AppProtocol::Http }
}

fn app_protocol(said: &str, index: usize, draft: &mut Draft) -> AppProtocol {
    match said.to_ascii_lowercase().as_str() {
        "http" | "kubernetes.io/ws" => AppProtocol::Http,
        "https" | "kubernetes.io/wss" => AppProtocol::Https,
        "h2c" | "kubernetes.io/h2c" | "grpc" => AppProtocol::H2c,
        _ => {
            draft.warning(Reason::Unsupported, Note {
                field: format!("spec.ports[{index}].appProtocol").into(),
                message: "the protocol is not known; HTTP/1.1 in the clear is spoken".into(),
                remedy: "use http, https, h2c, kubernetes.io/h2c, kubernetes.io/ws or kubernetes.io/wss",
            });
            AppProtocol::Http
        }
    }
}

/// What the annotations say.
struct ServiceAnnotations {
    scheme: Option<AppProtocol>,
    pass_host_header: bool,
    /// Requests go to the Service's own address.
    native: bool,
    /// Something guards the Service that cannot be honoured: it has no port then (I9).
    is_closed: bool,
}

fn annotations(
    annotations: &Annotations,
    draft: &mut Draft,
    settings: &Settings,
) -> ServiceAnnotations {
    let mut read = ServiceAnnotations {
        scheme: None,
        pass_host_header: true,
        native: settings.native_lb_by_default,
        is_closed: false,
    };
    for (key, value) in &annotations.0 {
        let Some(option) = key.strip_prefix(Annotations::TRAEFIK) else { continue };
        match option {
            "service.serversscheme" => read.scheme = scheme(key, value, draft),
            "service.passhostheader" => {
                read.pass_host_header = value.trim().parse().unwrap_or_else(|_| {
                    draft.warning(
                        Reason::InvalidValue,
                        note(key, "not true or false; true is assumed"),
                    );
                    true
                });
            }
            "service.middlewares" => {
                read.is_closed = true;
                draft.error(
                    Reason::Unsupported,
                    note(key, "middlewares are not supported; the Service is closed"),
                );
            }
            "service.serverstransport"
                if !may_cross_providers(settings, &draft.origin.key.namespace) =>
            {
                read.is_closed = true;
                draft.error(
                    Reason::RefNotPermitted,
                    note(
                        key,
                        "the namespace may not refer to other providers; the Service is closed",
                    ),
                );
            }
            // Only the operator lets requests go where endpoints are not looked at; the author may decline.
            "service.nativelb" if settings.native_lb_by_default => {
                read.native = value.trim() != "false";
            }
            // Ours verifies by default, which is stricter than any transport can ask for.
            "service.serverstransport" => draft.warning(
                Reason::Unsupported,
                note(key, "transports are not supported; backends are verified by default"),
            ),
            "service.nativelb" | "service.nodeportlb" => draft.found(
                (Severity::Info, Reason::Unsupported),
                note(key, "requests go to the endpoints, never to the Service's own address"),
            ),
            _ => draft.warning(
                Reason::Unsupported,
                note(key, "the annotation is not supported on a Service"),
            ),
        }
    }
    read
}

fn scheme(key: &str, value: &str, draft: &mut Draft) -> Option<AppProtocol> {
    match value {
        "http" => Some(AppProtocol::Http),
        "https" => Some(AppProtocol::Https),
        "h2c" => Some(AppProtocol::H2c),
        _ => {
            draft.warning(
                Reason::InvalidValue,
                note(key, "not http, https or h2c; the annotation is ignored"),
            );
            None
        }
    }
}

fn note(key: &str, message: &str) -> Note {
    Note {
        field: format!("metadata.annotations[{}]", Quoted(key)).into(),
        message: message.into(),
        remedy: "remove the annotation, or write a value that is supported",
    }
}
