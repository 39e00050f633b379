// SPDX-License-Identifier: Apache-2.0
//! Real programs as clients and backends: found, or named as missing.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// Where a program lies, or nothing: then the test `test` is listed as skipped.  Under `CI=true` it fails instead.
pub fn find_or_skip(name: &str, test: &str) -> Option<PathBuf> {
    if let Some(found) = find(name) {
        return Some(found);
    }
    assert_ne!(env::var("CI").as_deref(), Ok("true"), "{name} is not installed");
    skip(test, &format!("{name} is not installed"));
    None
}

/// Lists a test as skipped, with the reason.
pub fn skip(test: &str, reason: &str) {
    let line = format!("{test}: {reason}");
    println!("skipped: {line}");
    if let Some(file) = env::var_os("POSTERN_TEST_SKIPS") {
        let file = OpenOptions::new().create(true).append(true).open(file);
        let _ = file.and_then(|mut file| writeln!(file, "{line}"));
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian keeps servers where not every user's PATH looks.
    let system = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    let folders = env::split_paths(&path).chain(system);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}
