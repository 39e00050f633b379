// SPDX-License-Identifier: Apache-2.0
//! A snapshot as data, for `postern render`, the admin page and golden files.  Keys are not in it.

use std::fmt::Write;

use postern_model::{EntryPoint, EntryPointId, EntryPointSet, PathMatch};
use serde_json::{Map, Value, json};

use crate::host_index::HostEntry;
use crate::route_table::{Action, Closed, Route};
use crate::snapshot::Snapshot;
use crate::tls_profile::{TlsDecision, TlsRefusal};

impl Snapshot {
    /// Everything that is served, sorted by host; deterministic for one compiled world.
    pub fn render(&self, entry_points: &[EntryPoint]) -> Value {
        let hosts = self.hosts.sorted();
        let hosts: Vec<Value> = hosts.into_iter().map(|h| self.host(h, entry_points)).collect();
        json!({ "hosts": hosts })
    }

    fn host(&self, entry: &HostEntry, entry_points: &[EntryPoint]) -> Value {
        let name =
            entry.pattern.as_ref().map_or_else(|| "(any other)".to_owned(), ToString::to_string);
        let routes: Vec<Value> =
            entry.routes.iter().map(|r| self.route(entry, r, entry_points)).collect();
        json!({
            "host": name,
            "tenant": &**entry.scope.label(),
            "epoch": entry.epoch,
            "tls": tls(&entry.tls),
            "routes": routes,
        })
    }

    fn route(&self, entry: &HostEntry, route: &Route, entry_points: &[EntryPoint]) -> Value {
        let mut out = Map::new();
        out.insert("path".into(), path(&route.path).into());
        out.insert("entryPoints".into(), names(route.entry_points, entry_points));
        out.insert("from".into(), format!("{} {}", route.object, route.field).into());
        match &route.action {
            Action::Forward(slot) => {
                let tenant = self.tenants.get(entry.tenant.0);
                let backend = tenant.and_then(|tenant| tenant.backends.get(slot.0));
                if let Some(backend) = backend {
                    let key = &backend.key;
                    let service = format!("{}/{}:{}", key.namespace, key.service, key.port);
                    out.insert("service".into(), service.into());
                    out.insert("protocol".into(), format!("{:?}", backend.protocol).into());
                    let endpoints: Vec<_> =
                        backend.endpoints.iter().map(ToString::to_string).collect();
                    out.insert("endpoints".into(), endpoints.into());
                    if let Some(external) = &backend.external {
                        out.insert("externalName".into(), external.name.as_str().into());
                    }
                }
            }
            Action::Closed(Closed::BackendUnresolved) => {
                out.insert("closed".into(), "the backend cannot be resolved".into());
            }
            Action::Closed(Closed::Unsupported(field)) => {
                out.insert("closed".into(), format!("{field} cannot be honoured").into());
            }
        }
        Value::Object(out)
    }
}

fn tls(decision: &TlsDecision) -> Value {
    match decision {
        TlsDecision::Refuse(TlsRefusal::NoCertificate) => json!({ "refused": "no certificate" }),
        TlsDecision::Refuse(TlsRefusal::CertificateUnusable) => {
            json!({ "refused": "the host's own certificate is unusable" })
        }
        TlsDecision::Serve(profile) => {
            let certificate = profile.certificate();
            let names: Vec<_> = certificate.names().iter().map(ToString::to_string).collect();
            let fingerprint = certificate.fingerprint().iter().fold(String::new(), |mut out, b| {
                let _ = write!(out, "{b:02x}");
                out
            });
            json!({
                "names": names,
                "fingerprint": fingerprint,
                "notAfter": certificate.not_after().0,
                "minVersion": if profile.demands().require_tls13 { "1.3" } else { "1.2" },
            })
        }
    }
}

/// A path condition in the words of Kubernetes.
pub fn path(condition: &PathMatch) -> String {
    match condition {
        PathMatch::Exact(path) => format!("Exact {path}"),
        PathMatch::Prefix(path) => format!("Prefix {path}"),
        PathMatch::StringPrefix(path) => format!("ImplementationSpecific {path}"),
    }
}

fn names(set: EntryPointSet, entry_points: &[EntryPoint]) -> Value {
    let ids = (0_u8..).map(EntryPointId);
    let named = entry_points.iter().zip(ids).filter(|(_, id)| set.contains(*id));
    named.map(|(entry_point, _)| Value::from(&*entry_point.name)).collect()
}
