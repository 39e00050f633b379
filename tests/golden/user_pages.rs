// SPDX-License-Identifier: Apache-2.0
//! The objects in the user pages are read, and what the pages say about them is so.

use std::fs;
use std::path::Path;

use postern_model::{Reason, Settings, Severity, TenancyMode, Timestamp};
use postern_tests::Declared;

/// The YAML examples of a page that are Kubernetes objects, one behind the other.
fn objects(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/user").join(page);
    let text = fs::read_to_string(path).expect("the page is there");
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let objects: Vec<_> = blocks.filter(|block| block.starts_with("apiVersion:")).collect();
    assert!(!objects.is_empty(), "{page} has no example");
    objects.join("---\n")
}

/// What there is to say about a page's examples, except for endpoints, which the pages leave out.
fn findings(page: &str, settings: Settings) -> Vec<(Reason, String)> {
    let mut declared = Declared::new(settings, Timestamp(1_780_272_000));
    declared.write("page.yaml", &objects(page));
    declared.compile();
    let findings = declared.findings().into_iter();
    let findings = findings.filter(|finding| {
        finding.severity != Severity::Info && finding.reason != Reason::NoEndpoints
    });
    findings.map(|finding| (finding.reason, finding.origin.key.to_string())).collect()
}

#[test]
fn one_tenant_is_served_as_its_page_says() {
    assert_eq!(findings("one-tenant.md", Settings::default()), []);
}

#[test]
fn of_many_tenants_one_is_refused_as_their_page_says() {
    let settings = Settings { tenancy: TenancyMode::Declared, ..Settings::default() };
    assert_eq!(
        findings("many-tenants.md", settings),
        [(Reason::HostNotOwned, "Ingress globex/copy".to_owned())]
    );
}
