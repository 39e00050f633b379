// SPDX-License-Identifier: Apache-2.0
//! Traefik's own Ingress manifests, where they are at hand: each loads, or is refused with a finding that is right.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use postern_model::{Finding, Reason, Settings, Severity, World};
use postern_source::Folder;

/// The files about which there is more to say than that an object has no name, and what, once each.
const TOLD: [(&str, &[(Severity, Reason)]); 12] = [
    ("Ingress-one-rule-host-only.yml", &[(Severity::Warning, Reason::InvalidValue)]),
    (
        "Ingress-with-annotations.yml",
        &[
            (Severity::Warning, Reason::Unsupported),
            (Severity::Warning, Reason::InvalidValue),
            (Severity::Error, Reason::Unsupported),
        ],
    ),
    ("Ingress-with-backend-resource.yml", &[(Severity::Error, Reason::Unsupported)]),
    ("Ingress-with-defaultbackend-with-resource.yml", &[(Severity::Error, Reason::Unsupported)]),
    ("Ingress-with-empty-defaultbackend.yml", &[(Severity::Error, Reason::InvalidValue)]),
    // `pathType: prefix`: the API server refuses it, too.
    ("Ingress-with-ingress-annotation.yml", &[(Severity::Error, Reason::InvalidValue)]),
    ("Ingress-with-invalid-pathmatcher-annotation.yml", &[(Severity::Error, Reason::InvalidValue)]),
    // A port with a name and a number.
    (
        "Ingress-with-native-lb-by-default-but-service-has-disabled-nativelb.yml",
        &[(Severity::Warning, Reason::InvalidValue)],
    ),
    // Without a path type, as the next two.
    ("Ingress-with-empty-pathType.yml", &[(Severity::Warning, Reason::InvalidValue)]),
    (
        "Ingress-with-servers-transport-annotation.yml",
        &[(Severity::Warning, Reason::Unsupported), (Severity::Warning, Reason::InvalidValue)],
    ),
    (
        "Ingress-with-tls-options-annotation.yml",
        &[(Severity::Error, Reason::Unsupported), (Severity::Warning, Reason::InvalidValue)],
    ),
    ("Ingress-without-backend.yml", &[(Severity::Error, Reason::InvalidValue)]),
];

fn cases() -> Option<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/ingress");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is absent", folder.display());
        return None;
    };
    let mut files: Vec<_> =
        entries.map(|entry| entry.expect("the folder is readable").path()).collect();
    files.sort();
    Some(files)
}

/// All that reading one file found, that of its routes included.
fn findings(file: &Path) -> Vec<Finding> {
    let mut world = World::new(Settings::default());
    let folder = Folder::open(&[file.to_owned()]);
    folder.expect("the file is there").load(&mut world);
    let models = world.tenants().flat_map(|(_, tenant)| tenant.namespaces.values());
    let routes = models.flat_map(|model| model.routes.values());
    let routes = routes.flat_map(|routes| routes.findings.clone());
    routes.chain(world.findings()).collect()
}

#[test]
fn every_manifest_loads_or_says_why_not() {
    let Some(files) = cases() else { return };
    assert_eq!(files.len(), 72);
    let mut told = BTreeMap::new();
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let mut reasons = BTreeSet::new();
        for finding in findings(&file) {
            let place = finding.origin.place.as_ref().expect("every finding has a place");
            assert!(!finding.remedy.is_empty(), "{finding:?}");
            if finding.severity > Severity::Info {
                println!("{place} {} {}: {}", finding.reason, finding.field, finding.message);
                reasons.insert((finding.severity, finding.reason));
            }
        }
        if !reasons.is_empty() {
            told.insert(name, reasons);
        }
    }
    let expected = TOLD.map(|(name, reasons)| (name.to_owned(), reasons.iter().copied().collect()));
    assert_eq!(told, BTreeMap::from(expected));
}
