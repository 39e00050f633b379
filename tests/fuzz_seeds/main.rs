// SPDX-License-Identifier: Apache-2.0
//! Replays the seeds of the fuzz targets on the stable compiler: what was found once stays found.

#[path = "../../fuzz/src/targets/client_hello.rs"]
pub mod client_hello;
#[path = "../../fuzz/src/targets/h1_request.rs"]
pub mod h1_request;
#[path = "../../fuzz/src/targets/host.rs"]
pub mod host;
#[path = "../../fuzz/src/targets/path.rs"]
pub mod path;
#[path = "../../fuzz/src/targets/yaml.rs"]
pub mod yaml;

use std::fs;
use std::path::Path;

fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut seeds = 0;
    for entry in fs::read_dir(&folder).expect("every target has seeds") {
        let file = entry.expect("a readable folder").path();
        println!("{}", file.display());
        body(&fs::read(&file).expect("a readable seed"));
        seeds += 1;
    }
    assert!(seeds > 0, "no seeds in {}", folder.display());
}

#[test]
fn seeds_of_host_hold() {
    replay("host", host::run);
}

#[test]
fn seeds_of_path_hold() {
    replay("path", path::run);
}

#[test]
fn seeds_of_client_hello_hold() {
    replay("client_hello", client_hello::run);
}

#[test]
fn seeds_of_h1_request_hold() {
    replay("h1_request", h1_request::run);
}

#[test]
fn seeds_of_yaml_hold() {
    replay("yaml", yaml::run);
}
