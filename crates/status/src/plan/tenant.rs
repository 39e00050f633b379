// SPDX-License-Identifier: Apache-2.0
//! The status of Tenant objects, which the operator reads.

use std::collections::BTreeMap;

use jiff::Timestamp;
use postern_api::crd::{PinnedNamespace, Tenant, TenantStatus, TenantSummary};
use postern_model::{Finding, Kind, ObjectKey, Severity};
use serde_json::json;

use super::condition::{Told, shortened};
use crate::facts::{Facts, TenantFacts};
use crate::seen::Seen;
use crate::task::{Target, Task, Write};

/// How many names a line lists.
const LISTED: usize = 3;
/// How many namespaces a status lists.
const PINNED: usize = 1000;

/// Writes of Tenants' status that differ from what is there.
pub(crate) fn plan(facts: &Facts, seen: &Seen, now: Timestamp) -> Vec<Task> {
    facts.tenants.iter().filter_map(|tenant| write(facts, seen, tenant, now)).collect()
}

fn write(facts: &Facts, seen: &Seen, tenant: &TenantFacts, now: Timestamp) -> Option<Task> {
    let name = &tenant.origin.key.name;
    let object = seen.tenants.get(name)?;
    let findings = facts.about(&ObjectKey::new(Kind::Tenant, "", name.clone()));
    let status = status(tenant, findings, object, now);
    if object.status.as_ref() == Some(&status) {
        return None;
    }
    let write = Write::Tenant(json!({
        "apiVersion": "postern.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": name, "uid": object.metadata.uid},
        "status": status,
    }));
    Some(Task { target: Target::Tenant(name.clone()), tenant: tenant.label.clone(), write })
}

fn status(
    tenant: &TenantFacts,
    findings: &[Finding],
    object: &Tenant,
    now: Timestamp,
) -> TenantStatus {
    let accepted = accepted(findings);
    let ready = ready(tenant, findings, &accepted);
    let before = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let condition =
        |told: Told, kind| told.into_condition(kind, before, object.metadata.generation, now);
    TenantStatus {
        conditions: vec![condition(accepted, "Accepted"), condition(ready, "Ready")],
        namespaces: pinned(tenant, object.status.as_ref()),
        summary: Some(TenantSummary {
            namespaces: listed(tenant.namespaces.keys()),
            domains: listed(tenant.domains.iter()),
        }),
    }
}

/// The namespaces with the UIDs under which they were seen first: what is pinned stays so until the Tenant does not want
/// the namespace any more.  What the object says goes before what was compiled, which may be older.
fn pinned(tenant: &TenantFacts, status: Option<&TenantStatus>) -> Vec<PinnedNamespace> {
    let before = status.into_iter().flat_map(|status| &status.namespaces);
    let before: BTreeMap<&str, &str> =
        before.filter_map(|pin| Some((&*pin.name, pin.uid.as_deref()?))).collect();
    let mut pins: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for (name, uid) in &tenant.namespaces {
        pins.insert(name, before.get(&**name).copied().or(uid.as_deref()));
    }
    for (name, uid) in &tenant.remembered {
        pins.insert(name, before.get(&**name).copied().or(Some(&**uid)));
    }
    // Where there is not room for all, a namespace that comes later pushes out none that was pinned.
    let (kept, new): (Vec<_>, Vec<_>) =
        pins.into_iter().partition(|(name, _)| before.contains_key(name));
    let mut pins: Vec<_> = kept.into_iter().chain(new).take(PINNED).collect();
    pins.sort_unstable();
    let pin = |(name, uid): (&str, Option<&str>)| PinnedNamespace {
        name: name.into(),
        uid: uid.map(Into::into),
    };
    pins.into_iter().map(pin).collect()
}

fn accepted(findings: &[Finding]) -> Told {
    match findings.iter().find(|finding| finding.severity == Severity::Error) {
        None => Told::yes("Accepted", "the Tenant is valid"),
        Some(finding) => Told::no(&finding.reason.to_string(), sentences(findings)),
    }
}

fn ready(tenant: &TenantFacts, findings: &[Finding], accepted: &Told) -> Told {
    if accepted.status == postern_api::crd::ConditionStatus::False {
        return accepted.clone();
    }
    if let Some(missing) = tenant.missing.first() {
        let more = tenant.missing.len() - 1;
        let more = if more == 0 { String::new() } else { format!(", nor do {more} more") };
        return Told::no("NamespaceNotFound", format!("namespace {missing} does not exist{more}"));
    }
    if let Some(replaced) = tenant.replaced.first() {
        let more = tenant.replaced.len() - 1;
        let more = if more == 0 { String::new() } else { format!(", and so were {more} more") };
        let message = format!(
            "namespace {replaced} was deleted and created anew{more}, and is not this Tenant's any more"
        );
        return Told::no("NamespaceReplaced", message);
    }
    if tenant.namespaces.is_empty() {
        return Told::no("NoNamespaces", "no namespace has the labels of the selector");
    }
    match findings.first() {
        None => Told::yes("Ready", "everything is in force"),
        Some(finding) => Told::no(&finding.reason.to_string(), not_in_force(findings)),
    }
}

/// Which fields are not in force, and why.
fn not_in_force(findings: &[Finding]) -> String {
    let mut fields: Vec<&str> = findings.iter().map(|finding| &*finding.field).collect();
    fields.dedup();
    shortened(format!("not in force: {}. {}", fields.join(", "), sentences(findings)), 2048)
}

/// What was found, in one text.
pub(crate) fn sentences(findings: &[Finding]) -> String {
    let sentence = |finding: &Finding| super::event::note(finding);
    shortened(findings.iter().map(sentence).collect::<Vec<_>>().join(". "), 1024)
}

/// The first names, and how many more there are.
fn listed(names: impl ExactSizeIterator<Item = impl std::fmt::Display>) -> String {
    let more = names.len().saturating_sub(LISTED);
    let mut listed: Vec<String> = names.take(LISTED).map(|name| name.to_string()).collect();
    if more > 0 {
        listed.push(format!("{more} more"));
    }
    listed.join(", ")
}

#[cfg(test)]
mod tests {
    use postern_api::crd::ConditionStatus;
    use postern_model::Reason;

    use super::*;

    #[test]
    fn a_line_lists_three_names() {
        assert_eq!(listed(["a", "b"].iter()), "a, b");
        assert_eq!(listed(["a", "b", "c", "d", "e"].iter()), "a, b, c, 2 more");
    }

    #[test]
    fn a_tenant_is_ready_when_all_its_namespaces_exist() {
        let key = ObjectKey::new(Kind::Tenant, "", "acme");
        let mut tenant = TenantFacts {
            origin: key.into(),
            label: "tenant/acme".into(),
            domains: Vec::new(),
            namespaces: [("acme".into(), Some("1".into()))].into(),
            missing: ["acme-staging".into()].into(),
            replaced: [].into(),
            remembered: [].into(),
        };
        let told = ready(&tenant, &[], &accepted(&[]));
        assert_eq!(
            (told.reason.as_str(), told.message.as_str()),
            ("NamespaceNotFound", "namespace acme-staging does not exist",)
        );
        tenant.missing.clear();
        assert_eq!(ready(&tenant, &[], &accepted(&[])).reason, "Ready");
        tenant.replaced.insert("acme-api".into());
        assert_eq!(ready(&tenant, &[], &accepted(&[])).reason, "NamespaceReplaced");
    }

    #[test]
    fn a_tenant_is_not_ready_while_a_field_of_it_is_not_in_force() {
        let key = ObjectKey::new(Kind::Tenant, "", "acme");
        let tenant = TenantFacts {
            origin: key.into(),
            label: "tenant/acme".into(),
            domains: Vec::new(),
            namespaces: [("acme".into(), Some("1".into()))].into(),
            missing: [].into(),
            replaced: [].into(),
            remembered: [].into(),
        };
        let finding = |severity, reason, field: &str| Finding {
            severity,
            reason,
            origin: tenant.origin.clone(),
            field: field.into(),
            message: "it is not so".into(),
            remedy: "do something",
        };
        let mut findings = vec![
            finding(Severity::Warning, Reason::EntryPointNotFound, "spec.entryPoints[1]"),
            finding(Severity::Warning, Reason::Unsupported, "spec.limits.requestsPerSecond"),
        ];
        assert_eq!(accepted(&findings).status, ConditionStatus::True);
        let told = ready(&tenant, &findings, &accepted(&findings));
        assert_eq!(
            (told.status, told.reason.as_str()),
            (ConditionStatus::False, "EntryPointNotFound")
        );
        let list = "not in force: spec.entryPoints[1], spec.limits.requestsPerSecond. ";
        assert!(told.message.starts_with(list), "{}", told.message);
        assert!(told.message.contains("it is not so; do something"), "{}", told.message);
        findings.push(finding(Severity::Error, Reason::InvalidValue, "spec.tls.minVersion"));
        assert_eq!(accepted(&findings).status, ConditionStatus::False);
        assert_eq!(ready(&tenant, &findings, &accepted(&findings)).status, ConditionStatus::False);
    }

    #[test]
    fn a_pin_stays_until_the_namespace_is_wanted_no_more() {
        let pin =
            |name: &str, uid: &str| PinnedNamespace { name: name.into(), uid: Some(uid.into()) };
        let key = ObjectKey::new(Kind::Tenant, "", "acme");
        let mut tenant = TenantFacts {
            origin: key.into(),
            label: "tenant/acme".into(),
            domains: Vec::new(),
            namespaces: [("web".into(), Some("2".into())), ("new".into(), Some("9".into()))].into(),
            missing: [].into(),
            replaced: [].into(),
            remembered: [("gone".into(), "3".into())].into(),
        };
        let before = TenantStatus {
            namespaces: vec![pin("web", "1"), pin("gone", "3"), pin("unwanted", "4")],
            ..TenantStatus::default()
        };
        let written = pinned(&tenant, Some(&before));
        assert_eq!(written, [pin("gone", "3"), pin("new", "9"), pin("web", "1")]);
        tenant.namespaces =
            (0..PINNED).map(|n| (format!("a{n}").into(), Some("5".into()))).collect();
        let written = pinned(&tenant, Some(&before));
        assert!(written.len() == PINNED && written.contains(&pin("gone", "3")));
        tenant.namespaces.clear();
        tenant.remembered.clear();
        assert_eq!(pinned(&tenant, Some(&before)), []);
    }
}
