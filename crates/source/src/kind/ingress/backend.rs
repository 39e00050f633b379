// SPDX-License-Identifier: Apache-2.0
//! Backends of an Ingress: a Service and a port, or nothing that can be served.

use postern_api as api;
use postern_model::{BackendUse, PortName, Reason, Ref};

use super::super::{port_number, present};
use super::{Reader, Target};
use crate::reading::Note;

impl Reader<'_> {
    /// Reads a backend; what is wrong with it closes its rule, so that no wider rule answers instead.
    pub(super) fn target(&mut self, backend: &api::IngressBackend, field: &str) -> Target {
        let Some(service) = &backend.service else {
            let (reason, message) = match backend.resource {
                Some(_) => (Reason::Unsupported, "only Services are supported as backends"),
                None => (Reason::InvalidValue, "the backend names no Service"),
            };
            return self.no_target(reason, field, message);
        };
        let Some(name) = present(service.name.as_deref()) else {
            return self.no_target(Reason::InvalidValue, field, "the backend names no Service");
        };
        let port = match (present(service.port.name.as_deref()), service.port.number) {
            (Some(name), None | Some(0)) => Some(PortName::Name(self.strings.share(name))),
            (name, number) => {
                if name.is_some() {
                    self.draft.warning(
                        Reason::InvalidValue,
                        Note {
                            field: format!("{field}.service.port").into(),
                            message: "the port has a name and a number; the number counts".into(),
                            remedy: "write one of the two",
                        },
                    );
                }
                port_number(number).map(PortName::Number)
            }
        };
        let Some(port) = port else {
            let field = format!("{field}.service.port");
            let message = "neither a port number from 1 to 65535 nor a port name";
            return self.no_target(Reason::InvalidValue, &field, message);
        };
        let namespace = self.draft.origin.key.namespace.clone();
        Some(BackendUse { service: Ref::new(namespace, self.strings.name(name)), port })
    }

    fn no_target(&mut self, reason: Reason, field: &str, message: &str) -> Target {
        self.draft.error(
            reason,
            Note {
                field: field.into(),
                message: format!("{message}; requests are answered with 503"),
                remedy: "name a Service and one of its ports",
            },
        );
        None
    }
}
