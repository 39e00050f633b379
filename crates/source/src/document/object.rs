// SPDX-License-Identifier: Apache-2.0
//! One object of a folder, read more carefully than one of a cluster, whose API server has looked at it: what is
//! misspelt or of another type is told by its field, and an object that decides about tenants is then closed (I9).

use std::sync::Arc;

use postern_model::{Finding, HttpRoutes, Kind, Object, Origin, Reason, Severity};

use super::survey::Unknown;
use super::{Contents, Fault, Source, Walk, trace};
use crate::kind::{self, Named, Parsed, misspelt};
use crate::reading::Reading;

impl Contents {
    /// Takes in a text of which not even the object's name can be read.
    pub(super) fn lose(&mut self, text: &[u8], mut finding: Finding, reading: &Reading<'_>) {
        self.is_unclear = true;
        if trace::is_tenant(text) {
            finding.severity = Severity::Error;
            finding.message.push_str("; it holds a Tenant, which is not in force");
            finding.remedy = "correct the document: until then nothing of the Tenant is served";
            self.lose_tenant(reading);
        }
        self.found([finding]);
    }

    /// Takes in an object of our group and of a kind that there is not.
    pub(super) fn misspelt(&mut self, meant: Option<&'static str>, reading: &Reading<'_>) {
        let mut message = String::from("Postern has no such kind");
        if let Some(meant) = meant {
            message = format!("{message}; did you mean {meant}?");
        }
        let verdict = (Severity::Error, Reason::Unsupported);
        let mut finding = reading.about_file(verdict, message, "correct the object's kind");
        finding.field = "kind".into();
        self.is_unclear = true;
        if meant == Some("Tenant") {
            self.lose_tenant(reading);
        }
        self.found([finding]);
    }

    /// Notes a Tenant of which not even the name can be read.
    fn lose_tenant(&mut self, reading: &Reading<'_>) {
        self.is_unclear = true;
        let tenant = kind::nameless_tenant(&reading.file, reading.place());
        // One stands for all: it says that there is something unknown.
        if !self.objects.iter().any(|object| object.key() == tenant.key()) {
            self.objects.push(tenant);
        }
    }
}

impl Walk {
    /// An object of a kind and version that is read.
    pub(super) fn known(
        &self,
        kind: Kind,
        source: &Source<'_>,
        reading: &mut Reading<'_>,
        contents: &mut Contents,
    ) {
        let parsed = match kind::read_kind(kind, source, reading) {
            Ok(parsed) => parsed,
            Err(fault) => return self.unreadable((kind, fault), source, reading, contents),
        };
        let Parsed { object, findings } = parsed;
        let is_elsewhere = object.is_none() && findings.is_empty();
        contents.found(findings);
        if is_elsewhere {
            return;
        }
        let mut unknown = source.unknown_fields(kind::shape(kind));
        if kind == Kind::Secret {
            // What stands in the place of a name there may be a part of a key (I8).
            unknown.retain(|unknown| unknown.nearest.is_some());
        }
        let Some(object) = object else {
            if matches!(kind, Kind::Tenant | Kind::HostClaim)
                && let Some(origin) = self.close(kind, source, reading, contents)
            {
                contents.found(unknown.iter().map(|unknown| unknown_field(&origin, unknown)));
            }
            return;
        };
        if unknown.is_empty() {
            return contents.objects.push(object);
        }
        let origin = object.origin().clone();
        contents.found(unknown.iter().map(|unknown| unknown_field(&origin, unknown)));
        contents.objects.extend(match object {
            Object::Tenant(_) | Object::HostClaim(_) | Object::Grant(_) => {
                kind::closed(origin, source, reading.strings)
            }
            Object::HttpRoutes(routes) => Some(narrowed(routes, &unknown)),
            object => Some(object),
        });
    }

    /// An object of ours in a version that is not read.
    pub(super) fn other_version(
        &self,
        kind: Kind,
        source: &Source<'_>,
        reading: &mut Reading<'_>,
        contents: &mut Contents,
    ) {
        let verdict = (Severity::Error, Reason::Unsupported);
        let message = format!("{kind} is read in version {} only{}", kind::OURS, consequence(kind));
        let remedy = "convert the object to the version that is read";
        let about_file = reading.about_file(verdict, message, remedy);
        let origin = self.close(kind, source, reading, contents);
        contents.found([Finding { origin: origin.unwrap_or(about_file.origin), ..about_file }]);
    }

    /// An object that is not what its kind should be: it is told by its name, if that can be read.  Nothing is said if it
    /// lives in a namespace that is not read.
    fn unreadable(
        &self,
        (kind, fault): (Kind, Fault),
        source: &Source<'_>,
        reading: &mut Reading<'_>,
        contents: &mut Contents,
    ) {
        let line = reading.line;
        let mut told = self.fault(fault, (source, kind::shape(kind)), reading);
        told.message.push_str(consequence(kind));
        reading.line = line;
        match kind::name(kind, source, reading) {
            Named::Elsewhere => return,
            Named::Object(origin) => {
                let place = told.origin.place.take();
                told.origin = Origin { place, ..origin };
            }
            Named::Nothing => {}
        }
        contents.found([told]);
        if matches!(kind, Kind::Tenant | Kind::HostClaim) {
            self.close(kind, source, reading, contents);
        }
    }

    /// Puts what stays of an object in its place; says which object, if that can be read.
    fn close(
        &self,
        kind: Kind,
        source: &Source<'_>,
        reading: &mut Reading<'_>,
        contents: &mut Contents,
    ) -> Option<Origin> {
        let Named::Object(origin) = kind::name(kind, source, reading) else {
            if kind == Kind::Tenant {
                contents.lose_tenant(reading);
            }
            return None;
        };
        contents.objects.extend(kind::closed(origin.clone(), source, reading.strings));
        Some(origin)
    }
}

/// What comes of an object that cannot be read in full.
fn consequence(kind: Kind) -> &'static str {
    match kind {
        Kind::Tenant => "; nothing of this tenant is served",
        Kind::HostClaim => "; nobody else is given the hostname",
        Kind::ReferenceGrant => "; it permits nothing",
        _ => "",
    }
}

/// An Ingress in which rules are closed that would be wider without a field that is misspelt.
fn narrowed(routes: Arc<HttpRoutes>, unknown: &[Unknown]) -> Object {
    let mut routes = Arc::unwrap_or_clone(routes);
    for Unknown { place, nearest, .. } in unknown {
        if let Some(field) = nearest.filter(|field| misspelt::narrows(field)) {
            misspelt::close(&mut routes, place, field);
        }
    }
    Object::HttpRoutes(Arc::new(routes))
}

fn unknown_field(origin: &Origin, unknown: &Unknown) -> Finding {
    let kind = origin.key.kind;
    let closes = kind == Kind::Ingress && unknown.nearest.is_some_and(misspelt::narrows);
    let (severity, then) = match consequence(kind) {
        "" if closes => (Severity::Error, "; requests for the rule are answered with 503"),
        "" => (Severity::Warning, "; it is ignored"),
        then => (Severity::Error, then),
    };
    let mut message = format!("{kind} has no such field{then}");
    if let Some(nearest) = unknown.nearest {
        message.push_str("; did you mean ");
        message.push_str(nearest);
        message.push('?');
    }
    Finding {
        severity,
        reason: Reason::Unsupported,
        origin: origin.clone(),
        field: unknown.field.as_str().into(),
        message,
        remedy: "correct the field's name, or remove the field",
    }
}
