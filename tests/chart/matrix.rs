// SPDX-License-Identifier: Apache-2.0
//! Every case renders what its file says, passes helm's linter, and a typo in any place is refused.

use std::fs;

use crate::helm::{Helm, output};
use crate::{cases, is_writing};

#[test]
fn every_case_renders_what_its_file_says() {
    let Some(helm) = Helm::find("matrix::every_case_renders_what_its_file_says") else { return };
    let mut wrong = Vec::new();
    for case in cases() {
        let rendered = output(&helm.render(&case.join("values.yaml")));
        let file = case.join("rendered.yaml");
        if is_writing() {
            fs::write(&file, rendered).expect("a golden file can be written");
        } else if fs::read_to_string(&file).unwrap_or_default() != rendered {
            wrong.push(format!("{}:\n{rendered}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}\n\n`cargo xtask golden` rewrites them", wrong.join("\n"));
}

#[test]
fn every_case_passes_the_linter() {
    let Some(helm) = Helm::find("matrix::every_case_passes_the_linter") else { return };
    for case in cases() {
        let linted = helm.lint(&case.join("values.yaml"));
        let said = String::from_utf8_lossy(&linted.stdout);
        assert!(linted.status.success(), "{}: {said}", case.display());
    }
}

#[test]
fn a_typo_is_refused_at_every_depth() {
    let Some(helm) = Helm::find("matrix::a_typo_is_refused_at_every_depth") else { return };
    for typo in [
        "replicas: 3",
        "tenancy: {modes: namespace}",
        "tenancy: {mode: namespaces}",
        "scope: tenant",
        "providers: {kubernetesIngress: {namespace: [team-a]}}",
        "providers: {kubernetesIngress: {namespaces: team-a}}",
        "providers: {kubernetesGateway: {enabled: true}}",
        "ports: {websecure: {forwardedHeaders: {trustedIps: [10.0.0.0/8]}}}",
        "deployment: {replicas: two}",
        "logs: {general: {level: LOUD}}",
        "metrics: {prometheus: {serviceMonitor: {enable: true}}}",
        "providers: {kubernetesIngress: {enabled: sometimes}}",
        "providers: {kubernetesIngress: {reportNodeInternalIps: true}}",
        "tenancy: {limits: {hostname: 10}}",
    ] {
        let rendered = helm.render_text(typo);
        assert!(!rendered.status.success(), "{typo} is accepted");
        let said = String::from_utf8_lossy(&rendered.stderr);
        assert!(said.contains("schema"), "{typo}: {said}");
    }
}

#[test]
fn addresses_of_nodes_and_of_a_named_service_exclude_each_other() {
    let Some(helm) =
        Helm::find("matrix::addresses_of_nodes_and_of_a_named_service_exclude_each_other")
    else {
        return;
    };
    let both = "providers: {kubernetesIngress: {reportNodeInternalIPs: true, publishedService: {pathOverride: a/b}}}";
    let rendered = helm.render_text(both);
    assert!(!rendered.status.success());
    let said = String::from_utf8_lossy(&rendered.stderr);
    assert!(said.contains("excludes publishedService.pathOverride"), "{said}");
}

#[test]
fn a_scope_of_tenants_needs_their_namespaces() {
    let Some(helm) = Helm::find("matrix::a_scope_of_tenants_needs_their_namespaces") else {
        return;
    };
    let rendered = helm.render_text("scope: tenants");
    assert!(!rendered.status.success());
    let said = String::from_utf8_lossy(&rendered.stderr);
    assert!(said.contains("providers.kubernetesIngress.namespaces"), "{said}");
}
