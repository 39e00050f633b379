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

#[cfg(test)]
mod tests {
    use postern_model::{Kind, Severity};

    use super::*;
    use crate::scenario::{compiled, declare, key, reasons, tenant, world};

    fn told(entry_points: &[&str]) -> Vec<(String, String)> {
        let mut world = world();
        declare!(world, tenant("acme", &["a"], entry_points));
        let (_, report) = compiled(&mut world);
        let findings = report.findings.get(&key(Kind::Tenant, "acme"));
        let findings = findings.into_iter().flatten();
        let told = findings.map(|finding| {
            assert_eq!(finding.severity, Severity::Warning);
            (finding.field.to_string(), finding.message.clone())
        });
        told.collect()
    }

    #[test]
    fn an_entry_point_that_the_installation_lacks_is_named_with_those_that_it_has() {
        let field = |number| format!("spec.entryPoints[{number}]");
        let message = "there is no entry point webscure, but web and websecure".to_owned();
        assert_eq!(told(&["web", "webscure"]), [(field(1), message.clone())]);
        let message = format!("{message}; nothing of this tenant is served");
        assert_eq!(told(&["webscure"]), [(field(0), message)]);
        assert_eq!(told(&["web", "websecure"]), []);
        assert_eq!(told(&[]), []);
    }

    #[test]
    fn a_field_that_was_refused_when_it_was_read_is_not_told_again() {
        assert_eq!(told(&[""]), []);
    }

    #[test]
    fn what_is_said_about_a_tenant_stays_while_others_change() {
        let mut world = world();
        declare!(world, tenant("acme", &["a"], &["gone"]));
        let mut compiler = crate::Compiler::new();
        compiler.compile(&world);
        world.take_changes();
        declare!(world, crate::scenario::service("b/web"));
        let changes = world.take_changes();
        compiler.recompile(&world, changes);
        let told = reasons(compiler.report(), Kind::Tenant, "acme");
        assert_eq!(told, ["EntryPointNotFound"]);
    }

    #[test]
    fn a_long_list_of_entry_points_is_cut_short() {
        let point = |name: &str| EntryPoint { name: name.into(), tls: false, is_default: true };
        let points = |count: usize| (0..count).map(|n| point(&n.to_string())).collect::<Vec<_>>();
        assert_eq!(listed(&points(0)), "none at all");
        assert_eq!(listed(&points(1)), "0");
        assert_eq!(listed(&points(20)), "0, 1, 2, 3, 4, 5, 6, 7 and others");
    }
}
