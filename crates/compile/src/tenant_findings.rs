// SPDX-License-Identifier: Apache-2.0
//! What is said about Tenant objects because of the installation that they are for.

use postern_model::{EntryPoint, Finding, Quoted, TenantSpec};

use crate::notice;

/// How many of the installation's entry points are named.
const NAMED: usize = 8;

/// Entry points of a Tenant that the installation does not have: the tenant is served on the others alone.
pub(crate) fn unknown_entry_points(spec: &TenantSpec, known: &[EntryPoint]) -> Vec<Finding> {
    let is_known = |name: &str| known.iter().any(|point| *point.name == *name);
    // One without a name stands for none at all, which is said where it was read.
    let unknown = spec.entry_points.iter().enumerate();
    let unknown = unknown.filter(|(_, name)| !name.is_empty() && !is_known(name));
    let none = !spec.entry_points.iter().any(|name| is_known(name));
    let findings = unknown.map(|(number, name)| {
        let effect = if none { "; nothing of this tenant is served" } else { "" };
        let message =
            format!("there is no entry point {}, but {}{effect}", Quoted(name), listed(known));
        let field = format!("spec.entryPoints[{number}]");
        notice::TENANT_ENTRY_POINT.about(&spec.origin, field, message)
    });
    findings.collect()
}

fn listed(known: &[EntryPoint]) -> String {
    let mut names: Vec<&str> = known.iter().take(NAMED).map(|point| &*point.name).collect();
    if known.len() > NAMED {
        names.push("others");
    }
    match names.split_last() {
        None => "none at all".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
