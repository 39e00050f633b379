// SPDX-License-Identifier: Apache-2.0
//! What is refused to tenants, by tenant and reason (I23): hostnames that are another's, references that are not
//! permitted, and what is beyond a limit.  Series are bounded by tenants and words of ours, never by what tenants invent.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use postern_model::{Finding, Reason, Tenancy};

/// The most tenants that are told one by one: those to whom most is refused.
const MAX_TENANTS: usize = 1000;

/// The name of the series.
const NAME: &str = "postern_refusals";

/// How much is refused at present.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals(BTreeMap<Arc<str>, BTreeMap<Reason, usize>>);

impl Refusals {
    /// Counts them.  What belongs to no tenant is the empty name's, and so is what does not fit.
    pub(crate) fn of(findings: &[Finding], tenancy: &Tenancy) -> Self {
        let mut by_namespace: BTreeMap<&Arc<str>, BTreeMap<Reason, usize>> = BTreeMap::new();
        for finding in findings.iter().filter(|finding| is_refusal(finding.reason)) {
            let of_namespace = by_namespace.entry(&finding.origin.key.namespace).or_default();
            *of_namespace.entry(finding.reason).or_default() += 1;
        }
        let mut all = Self::default();
        for (namespace, counts) in by_namespace {
            let tenant = tenancy.tenant_of(namespace).map(|tenant| tenant.to_string());
            all.add(tenant.unwrap_or_default().into(), counts);
        }
        all.shorten(MAX_TENANTS);
        all
    }

    fn add(&mut self, tenant: Arc<str>, counts: BTreeMap<Reason, usize>) {
        let of_tenant = self.0.entry(tenant).or_default();
        for (reason, count) in counts {
            *of_tenant.entry(reason).or_default() += count;
        }
    }

    fn shorten(&mut self, most: usize) {
        if self.0.len() <= most {
            return;
        }
        let mut all: Vec<_> = std::mem::take(&mut self.0).into_iter().collect();
        all.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.values().sum::<usize>()));
        let rest = all.split_off(most);
        self.0 = all.into_iter().collect();
        rest.into_iter().for_each(|(_, counts)| self.add("".into(), counts));
    }

    /// Writes them in Prometheus' text format.
    pub(crate) fn encode(&self, out: &mut String) {
        let help = "What is refused at present, by tenant and reason; the 1000 tenants with most.";
        let _ = writeln!(out, "# HELP {NAME} {help}\n# TYPE {NAME} gauge");
        for (tenant, counts) in &self.0 {
            for (reason, count) in counts {
                // Names of tenants hold nothing that would need escaping.
                let _ = writeln!(out, "{NAME}{{tenant=\"{tenant}\",reason=\"{reason}\"}} {count}");
            }
        }
    }
}

/// Whether it is about a boundary or a limit, and not about a mistake.
fn is_refusal(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::HostNotOwned
            | Reason::HostQuarantined
            | Reason::ClaimLimitReached
            | Reason::LimitExceeded
            | Reason::NamespaceNotAdmitted
            | Reason::RefNotPermitted
            | Reason::EndpointNotOwned
            | Reason::EgressDenied
    )
}

#[cfg(test)]
mod tests {
    use postern_model::{Kind, ObjectKey, Origin, Settings, Severity, World};

    use super::*;

    fn finding(namespace: &str, name: &str, reason: Reason) -> Finding {
        Finding {
            severity: Severity::Error,
            reason,
            origin: Origin::bare(ObjectKey::new(Kind::Ingress, namespace, name)),
            field: "".into(),
            message: String::new(),
            remedy: "",
        }
    }

    fn encoded(refusals: &Refusals) -> Vec<String> {
        let mut out = String::new();
        refusals.encode(&mut out);
        out.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn refusals_are_counted_by_tenant_and_reason_and_mistakes_are_not() {
        let world = World::new(Settings::default());
        let findings = [
            finding("acme", "a", Reason::HostNotOwned),
            finding("acme", "b", Reason::HostNotOwned),
            finding("acme", "b", Reason::ClaimLimitReached),
            finding("acme", "b", Reason::ServiceNotFound),
            finding("globex", "c", Reason::RefNotPermitted),
        ];
        assert_eq!(
            encoded(&Refusals::of(&findings, world.tenancy())),
            [
                "postern_refusals{tenant=\"acme\",reason=\"HostNotOwned\"} 2",
                "postern_refusals{tenant=\"acme\",reason=\"ClaimLimitReached\"} 1",
                "postern_refusals{tenant=\"globex\",reason=\"RefNotPermitted\"} 1",
            ]
        );
    }

    #[test]
    fn however_many_tenants_and_objects_there_are_the_series_are_few() {
        let world = World::new(Settings::default());
        let mut findings: Vec<_> = (0..2 * MAX_TENANTS)
            .map(|number| finding(&format!("t{number}"), "x", Reason::HostNotOwned))
            .collect();
        let many = (0..500).map(|n| finding("loud", &format!("n{n}"), Reason::HostNotOwned));
        findings.extend(many);
        let lines = encoded(&Refusals::of(&findings, world.tenancy()));
        assert_eq!(lines.len(), MAX_TENANTS + 1);
        assert!(lines.iter().any(|line| line.contains("\"loud\"") && line.ends_with(" 500")));
        assert!(
            lines[0].starts_with("postern_refusals{tenant=\"\"") && lines[0].ends_with(" 1001")
        );
    }
}
