// SPDX-License-Identifier: Apache-2.0
//! Any bytes as a file of Kubernetes objects.

use postern_model::Settings;

/// A file of any content gives a world that compiles, with findings, never a panic.
pub fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (world, _) = postern_source::world_from_yaml(&text, Settings::default());
    for (_, tenant) in world.tenants() {
        for namespace in tenant.namespaces.keys() {
            assert!(!namespace.is_empty(), "an object is filed under no namespace");
        }
    }
    postern_compile::compile(&world);
}
