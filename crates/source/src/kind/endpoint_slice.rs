// SPDX-License-Identifier: Apache-2.0
//! `discovery.k8s.io/v1` EndpointSlice.

use std::net::IpAddr;
use std::sync::Arc;

use postern_api as api;
use postern_model::{Endpoint, EndpointSlice, Object, Reason};

use super::{is_tcp, port_number, present};
use crate::interner::Interner;
use crate::reading::{Draft, Note};

pub(super) fn read(
    slice: api::EndpointSlice,
    draft: &mut Draft,
    strings: &mut Interner,
) -> Option<Object> {
    let Some(service) = present(slice.metadata.labels.value(api::EndpointSlice::SERVICE_LABEL))
    else {
        draft.warning(
            Reason::InvalidValue,
            Note {
                field: "metadata.labels".into(),
                message: "the slice belongs to no Service".into(),
                remedy: "set the label kubernetes.io/service-name",
            },
        );
        return None;
    };
    let family = family(slice.address_type.as_deref(), draft)?;
    let mut ports = Vec::with_capacity(slice.ports.len());
    for port in slice.ports.iter().filter(|port| is_tcp(port.protocol.as_deref())) {
        if let Some(number) = port_number(port.port) {
            ports.push((strings.share(port.name.as_deref().unwrap_or_default()), number));
        }
    }
    let mut slice_model = EndpointSlice {
        origin: draft.origin.clone(),
        service: strings.name(service),
        ports,
        endpoints: Vec::with_capacity(slice.endpoints.len()),
    };
    for (index, endpoint) in slice.endpoints.iter().enumerate() {
        match addresses(endpoint, family) {
            Some(addresses) => slice_model.endpoints.push(read_one(endpoint, addresses, strings)),
            None => draft.error(
                Reason::InvalidValue,
                Note {
                    field: format!("endpoints[{index}].addresses").into(),
                    message: "not addresses of the slice's addressType".into(),
                    remedy: "write at least one IP address, and only those of one family",
                },
            ),
        }
    }
    slice_model.ports.shrink_to_fit();
    slice_model.endpoints.shrink_to_fit();
    Some(Object::EndpointSlice(Arc::new(slice_model)))
}

#[derive(Clone, Copy)]
enum Family {
    Any,
    V4,
    V6,
}

fn family(address_type: Option<&str>, draft: &mut Draft) -> Option<Family> {
    match present(address_type) {
        None => Some(Family::Any),
        Some("IPv4") => Some(Family::V4),
        Some("IPv6") => Some(Family::V6),
        Some(_) => {
            draft.error(
                Reason::Unsupported,
                Note {
                    field: "addressType".into(),
                    message: "only slices of addressType IPv4 and IPv6 are read".into(),
                    remedy: "list the endpoints' IP addresses",
                },
            );
            None
        }
    }
}

fn addresses(endpoint: &api::Endpoint, family: Family) -> Option<Vec<IpAddr>> {
    let parsed = endpoint.addresses.iter().map(|text| {
        let address: IpAddr = text.parse().ok()?;
        match (family, address) {
            (Family::V4, IpAddr::V6(_)) | (Family::V6, IpAddr::V4(_)) => None,
            _ => Some(address),
        }
    });
    parsed.collect::<Option<Vec<_>>>().filter(|addresses| !addresses.is_empty())
}

fn read_one(endpoint: &api::Endpoint, addresses: Vec<IpAddr>, strings: &mut Interner) -> Endpoint {
    let conditions = endpoint.conditions;
    let ready = conditions.ready.unwrap_or(true);
    let target = endpoint.target_ref.as_ref();
    let pod = target.filter(|target| target.kind.as_deref() == Some("Pod"));
    Endpoint {
        addresses,
        ready,
        serving: conditions.serving.unwrap_or(ready),
        terminating: conditions.terminating.unwrap_or(false),
        pod_namespace: pod
            .and_then(|pod| present(pod.namespace.as_deref()))
            .map(|namespace| strings.share(namespace)),
    }
}
