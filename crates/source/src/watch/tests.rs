// SPDX-License-Identifier: Apache-2.0

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Changed, PATIENCE, Watch};

fn files(directory: &Path, names: &[&str]) -> Changed {
    Changed::Files(names.iter().map(|name| directory.join(name)).collect())
}

async fn next(watch: &mut Watch) -> Changed {
    let next = tokio::time::timeout(Duration::from_secs(20), watch.next());
    next.await.expect("a change is noticed").unwrap()
}

/// Whether nothing is noticed for as long as a change would take.
async fn is_quiet(watch: &mut Watch) -> bool {
    tokio::time::timeout(Duration::from_millis(200), watch.next()).await.is_err()
}

#[tokio::test]
async fn files_that_come_change_and_go_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let mut watch = Watch::new(&[at.to_owned()]).unwrap();
    fs::write(at.join("a.yaml"), "a").unwrap();
    fs::write(at.join("b.json"), "a").unwrap();
    fs::write(at.join("notes.txt"), "a").unwrap();
    fs::write(at.join(".b.yaml.swp"), "a").unwrap();
    assert_eq!(next(&mut watch).await, files(at, &["a.yaml", "b.json"]));
    fs::write(at.join("a.yaml"), "b").unwrap();
    assert_eq!(next(&mut watch).await, files(at, &["a.yaml"]));
    // As editors and config tools write: beside it, then over it.
    fs::write(at.join("a.yaml.tmp"), "c").unwrap();
    fs::rename(at.join("a.yaml.tmp"), at.join("a.yaml")).unwrap();
    assert_eq!(next(&mut watch).await, files(at, &["a.yaml"]));
    fs::remove_file(at.join("b.json")).unwrap();
    assert_eq!(next(&mut watch).await, files(at, &["b.json"]));
    fs::write(at.join("notes.txt"), "b").unwrap();
    assert!(is_quiet(&mut watch).await);
}

#[tokio::test]
async fn a_file_is_told_when_its_writer_is_done() {
    use std::io::Write;
    let directory = tempfile::tempdir().unwrap();
    let mut watch = Watch::new(&[directory.path().to_owned()]).unwrap();
    let mut file = fs::File::create(directory.path().join("a.yaml")).unwrap();
    file.write_all(b"half").unwrap();
    assert!(is_quiet(&mut watch).await);
    drop(file);
    assert_eq!(next(&mut watch).await, files(directory.path(), &["a.yaml"]));
}

#[tokio::test]
async fn the_swap_of_a_mounted_config_map_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    for version in ["..1", "..2"] {
        fs::create_dir(at.join(version)).unwrap();
        fs::write(at.join(version).join("a.yaml"), version).unwrap();
    }
    symlink("..1", at.join("..data")).unwrap();
    symlink("..data/a.yaml", at.join("a.yaml")).unwrap();
    // A single file of a ConfigMap may be what is served, too.
    for roots in [at.to_owned(), at.join("a.yaml")] {
        let mut watch = Watch::new(&[roots]).unwrap();
        symlink("..2", at.join("..tmp")).unwrap();
        fs::rename(at.join("..tmp"), at.join("..data")).unwrap();
        assert_eq!(next(&mut watch).await, Changed::Everything);
    }
}

#[tokio::test]
async fn new_directories_are_watched_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let mut watch = Watch::new(&[at.to_owned()]).unwrap();
    fs::create_dir_all(at.join("b/c")).unwrap();
    assert_eq!(next(&mut watch).await, Changed::Everything);
    fs::write(at.join("b/c/d.yaml"), "x").unwrap();
    assert_eq!(next(&mut watch).await, files(at, &["b/c/d.yaml"]));
    fs::remove_dir_all(at.join("b")).unwrap();
    assert_eq!(next(&mut watch).await, Changed::Everything);
}

#[tokio::test]
async fn a_folder_that_goes_and_comes_again_is_noticed_both_times() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().join("folder");
    fs::create_dir(&at).unwrap();
    let mut watch = Watch::new(std::slice::from_ref(&at)).unwrap();
    fs::remove_dir(&at).unwrap();
    assert_eq!(next(&mut watch).await, Changed::Everything);
    fs::create_dir(&at).unwrap();
    assert_eq!(next(&mut watch).await, Changed::Everything);
    fs::write(at.join("a.yaml"), "x").unwrap();
    assert_eq!(next(&mut watch).await, files(&at, &["a.yaml"]));
}

#[tokio::test]
async fn a_link_out_of_the_folder_is_followed() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let target = elsewhere.path().join("a.yaml");
    fs::write(&target, "x").unwrap();
    symlink(&target, directory.path().join("a.yaml")).unwrap();
    let mut watch = Watch::new(&[directory.path().to_owned()]).unwrap();
    fs::write(&target, "y").unwrap();
    assert_eq!(next(&mut watch).await, Changed::Everything);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_steady_stream_of_changes_is_told_within_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.yaml");
    let mut watch = Watch::new(&[directory.path().to_owned()]).unwrap();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let start = Instant::now();
    let changed = loop {
        tokio::select! {
            changed = watch.next() => break changed.unwrap(),
            _ = ticks.tick() => fs::write(&path, "x").unwrap(),
        }
    };
    drop(changed);
    assert!(start.elapsed() < PATIENCE * 20);
}
