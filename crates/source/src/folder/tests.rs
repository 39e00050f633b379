// SPDX-License-Identifier: Apache-2.0

mod tenants;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use postern_model::{Change, Changes, Kind, Reason, Settings, TenancyMode, World};

use super::{Folder, FolderError, Summary};
use crate::watch::Changed;

/// A folder, and the world that follows it.
struct Scene {
    directory: tempfile::TempDir,
    folder: Folder,
    world: World,
}

impl Scene {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::open(&[directory.path().to_owned()]).unwrap();
        let mut scene = Self { directory, folder, world: World::new(Settings::default()) };
        files.iter().for_each(|(name, text)| scene.write(name, text));
        scene.folder.load(&mut scene.world);
        scene.world.take_changes();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    fn refresh(&mut self) -> Summary {
        self.folder.refresh(&mut self.world)
    }

    /// The keys that came (`+`), went (`-`) or changed (`~`).
    fn changes(&mut self) -> Vec<String> {
        let Changes::Some(changes) = self.world.take_changes() else { return Vec::new() };
        let tell = |Change { before, after, .. }: &Change| match (before, after) {
            (None, Some(after)) => format!("+{}", after.key().name),
            (Some(before), None) => format!("-{}", before.key().name),
            (_, after) => format!("~{}", after.as_ref().unwrap().key().name),
        };
        changes.iter().map(tell).collect()
    }

    /// Reason and file (without the folder) of each finding.
    fn findings(&self) -> Vec<(Reason, String)> {
        let root = self.directory.path();
        let file =
            |place: &str| Path::new(place).strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let told = self
            .world
            .findings()
            .map(|finding| (finding.reason, file(&finding.origin.place.as_ref().unwrap().file)));
        told.collect()
    }
}

fn service(name: &str, port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\nspec:\n  ports:\n  - port: {port}\n---\n"
    )
}

fn created(second: u32) -> String {
    let stamp = format!("metadata:\n  creationTimestamp: '1970-01-01T00:00:{second:02}Z'\n");
    service("a", 80).replacen("metadata:\n", &stamp, 1)
}

#[test]
fn a_folder_is_read_with_all_that_is_in_it() {
    let mut scene = Scene::new(&[
        ("a.yaml", &(service("a", 1) + &service("b", 2))),
        ("sub/deep/c.yml", &service("c", 3)),
        ("d.json", r#"{"apiVersion":"apps/v1","kind":"Deployment"}"#),
        ("notes.txt", &service("no", 1)),
        (".hidden.yaml", &service("no", 1)),
        (".git/x.yaml", &service("no", 1)),
    ]);
    let summary = scene.refresh();
    assert_eq!(summary.objects, [(Kind::Service, 3)].into());
    assert_eq!(summary.others, [("apps/v1/Deployment".into(), 1)].into());
    assert_eq!((summary.files, scene.findings()), (3, vec![]));
}

#[test]
fn only_files_that_changed_are_read_and_only_objects_that_changed_are_declared() {
    let mut scene = Scene::new(&[
        ("a.yaml", &(service("a", 1) + &service("b", 2))),
        ("c.yaml", &service("c", 3)),
    ]);
    settle(&mut scene);
    assert_eq!((scene.refresh().files_read, scene.changes()), (0, vec![]));
    scene.write("a.yaml", &(service("a", 1) + &service("b", 9) + &service("d", 4)));
    assert_eq!(scene.refresh().files_read, 1);
    assert_eq!(scene.changes(), ["~b", "+d"]);
    scene.remove("c.yaml");
    assert_eq!(scene.refresh().objects, [(Kind::Service, 3)].into());
    assert_eq!(scene.changes(), ["-c"]);
}

/// Refreshes until every file is old enough for its stamp to be relied on.
fn settle(scene: &mut Scene) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while scene.refresh().files_read > 0 {
        assert!(std::time::Instant::now() < end, "stamps never settle");
    }
}

#[test]
fn an_object_that_moves_to_another_file_never_goes() {
    let mut scene = Scene::new(&[("a.yaml", &service("a", 1))]);
    scene.remove("a.yaml");
    scene.write("b.yaml", &service("a", 1));
    scene.refresh();
    assert_eq!(
        (scene.changes(), scene.findings()),
        (vec!["~a".into()], vec![]),
        "its place has changed"
    );
}

#[test]
fn the_first_declaration_stays_and_the_other_comes_back() {
    let mut scene = Scene::new(&[("b.yaml", &service("a", 2)), ("c.yaml", &service("a", 3))]);
    assert_eq!(scene.findings(), [(Reason::DuplicateObject, "c.yaml".into())]);
    // An older one comes: the first name in the order of files.
    scene.write("a.yaml", &service("a", 1));
    scene.refresh();
    assert_eq!(scene.changes(), ["~a"]);
    let duplicates = |file: &str| (Reason::DuplicateObject, file.to_owned());
    assert_eq!(scene.findings(), [duplicates("b.yaml"), duplicates("c.yaml")]);
    // It goes again: the oldest of the others takes its place.
    scene.remove("a.yaml");
    scene.refresh();
    assert_eq!(
        (scene.changes(), scene.findings()),
        (vec!["~a".into()], vec![duplicates("c.yaml")])
    );
    scene.remove("b.yaml");
    scene.refresh();
    assert_eq!((scene.changes(), scene.findings()), (vec!["~a".into()], vec![]));
    scene.remove("c.yaml");
    assert_eq!(scene.refresh().objects, [].into());
    assert_eq!(scene.changes(), ["-a"]);
}

#[test]
fn the_time_of_creation_goes_before_the_order_of_files() {
    let mut scene = Scene::new(&[("a.yaml", &created(9)), ("b.yaml", &created(5))]);
    assert_eq!(scene.findings(), [(Reason::DuplicateObject, "a.yaml".into())]);
    scene.write("c.yaml", &(service("x", 1) + &created(1)));
    scene.refresh();
    let duplicates: Vec<_> = scene.findings().into_iter().map(|(_, file)| file).collect();
    assert_eq!(duplicates, ["a.yaml", "b.yaml"]);
    scene.remove("c.yaml");
    scene.refresh();
    assert_eq!(scene.findings(), [(Reason::DuplicateObject, "a.yaml".into())]);
}

#[test]
fn one_file_may_repeat_a_key_and_the_first_stays() {
    let mut scene = Scene::new(&[("a.yaml", &(service("a", 1) + &service("a", 2)))]);
    let tenant = scene.world.tenancy().tenant_of("default").unwrap();
    let port = |world: &World| {
        let services = &world.tenant(&tenant).unwrap().namespaces;
        let services = &services.get("default").unwrap().services;
        services.get("a").unwrap().ports[0].port
    };
    assert_eq!((port(&scene.world), scene.findings().len()), (1, 1));
    scene.write("a.yaml", &service("a", 2));
    scene.refresh();
    assert_eq!((port(&scene.world), scene.findings().len()), (2, 0));
}

#[test]
fn a_broken_document_takes_only_its_own_objects() {
    let mut scene = Scene::new(&[("a.yaml", &(service("a", 1) + &service("b", 2)))]);
    scene.write("a.yaml", &(service("a", 1) + &service("b", 2).replace("spec:", "spec: [")));
    scene.refresh();
    assert_eq!(scene.changes(), ["-b"]);
    assert_eq!(scene.findings(), [(Reason::FileInvalid, "a.yaml".into())]);
    scene.write("a.yaml", &(service("a", 1) + &service("b", 2)));
    scene.refresh();
    assert_eq!((scene.changes(), scene.findings()), (vec!["+b".into()], vec![]));
}

#[test]
fn a_file_that_is_too_large_is_refused_without_reading_it() {
    let scene = Scene::new(&[("b.yaml", &service("b", 1))]);
    let large = fs::File::create(scene.path("a.yaml")).unwrap();
    large.set_len(100 << 20).unwrap();
    let mut scene = scene;
    assert_eq!(scene.refresh().objects, [(Kind::Service, 1)].into());
    assert_eq!(scene.findings(), [(Reason::FileInvalid, "a.yaml".into())]);
}

#[test]
fn a_pipe_is_not_waited_for() {
    let mut scene = Scene::new(&[]);
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, scene.path("a.yaml"), mode).unwrap();
    scene.refresh();
    assert_eq!(scene.findings(), [(Reason::FileInvalid, "a.yaml".into())]);
}

#[test]
fn a_folder_that_disappears_keeps_what_it_declared() {
    let mut scene = Scene::new(&[("sub/a.yaml", &service("a", 1))]);
    let away = scene.directory.path().with_extension("away");
    fs::rename(scene.directory.path(), &away).unwrap();
    assert_eq!(scene.refresh().objects, [(Kind::Service, 1)].into());
    assert_eq!(
        (scene.changes(), scene.findings()),
        (vec![], vec![(Reason::FileInvalid, String::new())])
    );
    fs::rename(&away, scene.directory.path()).unwrap();
    scene.refresh();
    assert_eq!((scene.changes(), scene.findings()), (vec![], vec![]));
    fs::remove_dir_all(scene.path("sub")).unwrap();
    scene.refresh();
    assert_eq!(scene.changes(), ["-a"], "the folder is there and says so");
}

#[test]
fn a_mounted_config_map_is_read_once_and_follows_its_swap() {
    let mut scene =
        Scene::new(&[("..1/a.yaml", &service("a", 1)), ("..2/a.yaml", &service("a", 2))]);
    symlink("..1", scene.path("..data")).unwrap();
    symlink("..data/a.yaml", scene.path("a.yaml")).unwrap();
    symlink("a.yaml", scene.path("b.yaml")).unwrap();
    // A circle of directories ends.
    symlink(".", scene.path("self")).unwrap();
    assert_eq!(scene.refresh().files, 1);
    assert_eq!((scene.changes(), scene.findings()), (vec!["+a".into()], vec![]));
    symlink("..2", scene.path("..tmp")).unwrap();
    fs::rename(scene.path("..tmp"), scene.path("..data")).unwrap();
    scene.refresh();
    assert_eq!((scene.changes(), scene.findings()), (vec!["~a".into()], vec![]));
}

#[test]
fn what_a_watch_names_is_read_and_nothing_else() {
    let mut scene = Scene::new(&[("a.yaml", &service("a", 1)), ("b.yaml", &service("b", 1))]);
    scene.write("a.yaml", &service("a", 2));
    scene.write("b.yaml", &service("b", 2));
    scene.write("c.yaml", &service("c", 2));
    let changed = |scene: &Scene, names: &[&str]| {
        Changed::Files(names.iter().map(|name| scene.path(name)).collect())
    };
    let named = changed(&scene, &["a.yaml", "c.yaml", "never.yaml"]);
    let summary = scene.folder.refresh_changed(&named, &mut scene.world);
    assert_eq!((summary.files_read, scene.changes()), (2, vec!["~a".into(), "+c".into()]));
    scene.remove("a.yaml");
    let named = changed(&scene, &["a.yaml"]);
    scene.folder.refresh_changed(&named, &mut scene.world);
    assert_eq!(scene.changes(), ["-a"]);
}

#[test]
fn objects_of_other_namespaces_are_not_declared_where_namespaces_are_named() {
    let settings = Settings { namespaces: vec!["acme".into()], ..Settings::default() };
    let text = service("a", 1)
        + &service("b", 1).replace("metadata:", "metadata:\n  namespace: acme")
        + "apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n";
    let (world, summary) = crate::world_from_yaml(&text, settings);
    assert_eq!(summary.objects, [(Kind::Service, 1), (Kind::Namespace, 1)].into());
    assert_eq!(world.tenants().map(|(id, _)| id.to_string()).collect::<Vec<_>>(), ["acme"]);
}

#[test]
fn many_files_are_read_by_two_threads_and_make_one_world() {
    let texts: Vec<_> =
        (0..200).map(|n| (format!("{n}.yaml"), service(&format!("s{n}"), 1))).collect();
    let files: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mut scene = Scene::new(&files);
    assert_eq!(scene.refresh().objects, [(Kind::Service, 200)].into());
}

#[test]
fn a_recorded_claim_that_is_read_again_does_not_undo_what_was_settled() {
    let claim = "apiVersion: postern.dev/v1alpha1\nkind: HostClaim\nmetadata: {name: a}\nspec: {host: a.test, namespace: n, epoch: 1}\n";
    let mut scene = Scene::new(&[("a.yaml", claim)]);
    let mut record = scene.world.claims().values().next().unwrap().clone();
    record.epoch = 2;
    scene.world.record([record]);
    scene.write("a.yaml", &format!("{claim}---\n{}", service("b", 1)));
    scene.refresh();
    assert_eq!(scene.world.claims().values().next().unwrap().epoch, 2);
    assert_eq!(scene.changes(), ["+b"]);
}

#[test]
fn tenants_that_come_in_any_file_draw_the_boundary() {
    let tenant = "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: t}\nspec: {namespaces: [default]}\n";
    let settings = Settings { tenancy: TenancyMode::Declared, ..Settings::default() };
    let (world, _) = crate::world_from_yaml(&(service("a", 1) + tenant), settings);
    assert_eq!(world.tenants().map(|(id, _)| id.to_string()).collect::<Vec<_>>(), ["tenant/t"]);
}

#[test]
fn what_does_not_exist_cannot_be_opened() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("nowhere");
    let Err(FolderError::Unreadable { path, .. }) = Folder::open(std::slice::from_ref(&nowhere))
    else {
        panic!("opened")
    };
    assert_eq!(path, nowhere);
}
