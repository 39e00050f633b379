// SPDX-License-Identifier: Apache-2.0
//! The container image: built and started as in a pod of the restricted standard, where there is an engine for
//! containers.
//!
//! The first stage of `deploy/Containerfile` needs a base image from the network.  Here its command builds the program
//! without `--release`, and a folder stands for the stage; the last stage, which is the image, is the real one.

mod engine;
mod program;

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use postern_tests::certificate::CertificateRequest;
use postern_tests::patience::{until, within};
use postern_tests::program::skip;
use postern_tests::yaml::{documents, ingress, service_of};
use postern_tests::{HyperBackend, Raw, TestCertificate};
use tempfile::TempDir;

use crate::root;
use engine::Engine;

const TEST: &str = "chart::container";
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";
const HOST: &str = "site.acme.example";

/// What a pod of the restricted standard with a read-only root is started with.
const RESTRICTED: [&str; 4] =
    ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=host"];

#[tokio::test]
async fn the_image_is_built_and_serves_as_nobody_on_a_read_only_root() {
    let Some(engine) = Engine::find() else {
        skip(TEST, "no engine for containers runs here");
        return;
    };
    let stage = folder();
    let built = program::build();
    program::is_static(&built);
    fs::copy(&built, stage.path().join("postern")).expect("the program is there");
    if let Err(reason) = engine.starts_any(stage.path()) {
        skip(TEST, &format!("{} starts no container here: {reason}", engine.name()));
        return;
    }

    let certificate = CertificateRequest::new(&["echo.acme.svc"]).make();
    let image = engine.build(&root(), stage_of(&stage, &certificate));
    let version = within("the version", image.run(&RESTRICTED, &["version"]).output()).await;
    let version = version.expect("the engine runs");
    assert!(version.status.success(), "{}", String::from_utf8_lossy(&version.stderr));
    assert!(String::from_utf8_lossy(&version.stdout).contains(env!("CARGO_PKG_VERSION")));

    let backend = HyperBackend::tls("acme", &certificate).await;
    let served = folder();
    fs::write(served.path().join("acme.yaml"), site(backend.address())).expect("it is ours");
    let volume = format!("--volume={}:/served:ro,z", served.path().display());
    let options = [RESTRICTED.as_slice(), &[&volume]].concat();
    let mut container = image.start(
        &options,
        &[
            "serve",
            "/served",
            // A name: the C library inside can look names up.
            "--entryPoints.web.address=localhost:0",
            "--entryPoints.websecure.address=127.0.0.1:0",
            "--admin.address=127.0.0.1:0",
            "--egress.allow=127.0.0.0/8",
        ],
    );
    let admin = container.listens("admin listens on ").await;
    until("it is ready", async || {
        (Raw::clear(admin).await.get("admin", "/ping").await.status == 200).then_some(())
    })
    .await;
    let web = container.listens("entry point web listens on http://").await;
    // The backend's certificate is verified against the authorities in the image.
    Raw::clear(web).await.get(HOST, "/").await.is(200).from_backend("acme");
    assert_eq!(container.stop().await, Some(0), "it ends in order:\n{}", container.log());
}

/// A folder that nobody may read, as the program is nobody.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("there is room for files");
    let open = Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), open).expect("the folder is ours");
    folder
}

/// Lays what the last stage copies beside the program; only the authority of `certificate` is trusted.
fn stage_of<'a>(stage: &'a TempDir, certificate: &TestCertificate) -> &'a Path {
    let authorities = stage.path().join(AUTHORITIES);
    let parent = authorities.parent().expect("the path has several parts");
    fs::create_dir_all(parent).expect("the folder is ours");
    fs::write(&authorities, &certificate.chain).expect("the folder is ours");
    fs::create_dir(stage.path().join("empty")).expect("the folder is ours");
    stage.path()
}

fn site(backend: SocketAddr) -> String {
    documents(&[
        &service_of("acme", "echo", "https", &[backend]),
        &ingress("acme", "site", &[HOST], "echo", None),
    ])
}
