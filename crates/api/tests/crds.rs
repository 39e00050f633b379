// SPDX-License-Identifier: Apache-2.0
//! The CustomResourceDefinitions in the chart are those that the types say.  `cargo xtask crds` writes them: it runs
//! this test with POSTERN_CRDS=write.

use std::fs;
use std::path::{Path, PathBuf};

use postern_api::crd;

const HEAD: &str = "# SPDX-License-Identifier: Apache-2.0\n# Generated from the types in crates/api/src/crd by `cargo xtask crds`. Do not edit.\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/charts/postern/crds")
}

#[test]
fn the_committed_definitions_are_those_of_the_types() {
    let write = std::env::var_os("POSTERN_CRDS").is_some_and(|value| value == "write");
    for (file, definition) in crd::definitions() {
        let yaml = format!("{HEAD}{}", serde_saphyr::to_string(&definition).unwrap());
        let path = folder().join(file);
        if write {
            fs::create_dir_all(folder()).unwrap();
            fs::write(&path, &yaml).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == yaml, "{file} is not what the types say: run `cargo xtask crds`");
    }
}
