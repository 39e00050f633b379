// SPDX-License-Identifier: Apache-2.0

use std::time::{Duration, Instant};

use postern_model::{Settings, World};

use super::*;
use crate::config::Layer;
use crate::log::Level;
use crate::source::Folders;

const SHOP: &str = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: NAMESPACE}
spec:
  rules:
  - host: shop.acme.test
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]}
";

/// What a source tells in a test.
enum Told {
    Yaml(&'static str),
    Unreadable,
    Defect,
}

/// A source that tells what it was given, in that order, and remembers how it was asked to start over.
struct Script {
    told: std::vec::IntoIter<Told>,
    pauses: Vec<Duration>,
}

impl Source for Script {
    type News = Told;

    const RECORDS_CLAIMS: bool = false;

    const CHANGES: Level = Level::Debug;

    const SETTLES: Duration = Duration::from_millis(1);

    async fn next(&mut self) -> Told {
        match self.told.next() {
            Some(told) => told,
            None => std::future::pending().await,
        }
    }

    fn noticed(_: &Told) -> Option<Instant> {
        Some(Instant::now())
    }

    fn apply(&mut self, news: Told, world: &mut World) -> Option<String> {
        match news {
            Told::Yaml(namespace) => {
                let text = SHOP.replace("NAMESPACE", namespace);
                let read = postern_source::world_from_yaml(&text, world.settings().clone()).0;
                let routes = read.tenants().flat_map(|(_, model)| model.namespaces.values());
                let routes = routes.flat_map(|model| model.routes.values().cloned());
                let objects = routes.map(|routes| {
                    let key = routes.origin.key.clone();
                    (key, Some(postern_model::Object::HttpRoutes(routes)))
                });
                world.apply(objects.collect::<Vec<_>>());
                Some("told".to_owned())
            }
            Told::Unreadable => None,
            Told::Defect => panic!("a defect, on purpose"),
        }
    }

    fn start_over(&mut self, pause: Duration) {
        self.pauses.push(pause);
    }
}

async fn running(told: Vec<Told>) -> Running<Script> {
    let flags = ["--entryPoints.web.address=127.0.0.1:0", "--admin.address=", "--workers=1"];
    let flags = flags.iter().map(|f| f.into()).collect::<Vec<_>>();
    let (flags, _): (Layer, _) = crate::config::take_flags(flags, &[]).unwrap();
    let config = Config::load(flags, []).unwrap();
    let stage = Stage::open(&config).await.unwrap();
    let script = Script { told: told.into_iter(), pauses: Vec::new() };
    let (running, edge) = stage.serve(config, script).await.unwrap();
    edge.drain();
    running
}

fn owner(running: &Running<Script>) -> String {
    let host = postern_model::Host::parse("shop.acme.test").unwrap();
    let snapshot = running.stage.published.load().clone();
    snapshot.admit(&host).map(|a| a.scope().label().to_string()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_leaves_what_is_served_and_starts_over_with_claims_kept() {
    let told = vec![Told::Yaml("acme"), Told::Defect, Told::Unreadable, Told::Yaml("globex")];
    let mut running = running(told).await;
    let first = running.stage.published.load().generation();
    assert_eq!(owner(&running), "acme");
    running.step().await;
    running.step().await;
    assert_eq!(owner(&running), "acme");
    assert_eq!(running.stage.published.load().generation(), first);
    assert_eq!(running.source.pauses, [Duration::ZERO, Duration::from_secs(1)]);
    // An empty line is not served, whatever the clock says.
    running.tick();
    assert_eq!(owner(&running), "acme");
    // All that is declared now is another tenant's, but the name was acme's before.
    running.step().await;
    assert!(running.stage.published.load().generation() > first);
    assert_ne!(owner(&running), "globex");
    let mut findings = running.line().findings();
    assert!(findings.any(|finding| &*finding.origin.key.namespace == "globex"));
}

#[tokio::test(flavor = "multi_thread")]
async fn propagation_is_measured_from_the_second_news_on() {
    let mut running = running(vec![Told::Yaml("acme"), Told::Yaml("globex")]).await;
    let count = |running: &Running<Script>| {
        let metrics = running.state().metrics();
        let line = metrics.lines().find(|l| l.starts_with("postern_propagation_seconds_count "));
        line.map(str::to_owned)
    };
    assert_eq!(count(&running).as_deref(), Some("postern_propagation_seconds_count 0"));
    running.step().await;
    assert_eq!(count(&running).as_deref(), Some("postern_propagation_seconds_count 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_are_counted_when_they_have_settled() {
    let mut running = running(vec![Told::Yaml("acme"), Told::Yaml("globex")]).await;
    let errors = |running: &Running<Script>| {
        let metrics = running.state().metrics();
        metrics
            .lines()
            .find_map(|l| l.strip_prefix("postern_findings{severity=\"error\"} ")?.parse().ok())
    };
    let at_once: Option<usize> = errors(&running);
    assert_eq!(at_once, Some(1), "the first snapshot is complete");
    running.step().await;
    assert!(running.settled.is_some());
    assert_eq!(errors(&running), at_once);
    running.step().await;
    assert!(running.settled.is_none());
    assert!(errors(&running) > at_once);
    let refused = "postern_refusals{tenant=\"globex\",reason=\"HostNotOwned\"} 1\n";
    assert!(running.state().metrics().contains(refused));
}

#[test]
fn pauses_double_and_end_at_a_minute() {
    let seconds: Vec<_> = (0..10).map(|failures| pause_after(failures).as_secs()).collect();
    assert_eq!(seconds, [0, 1, 2, 4, 8, 16, 32, 64, 64, 64]);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_that_start_over_are_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let text = SHOP.replace("NAMESPACE", "acme");
    std::fs::write(folder.path().join("a.yaml"), text).unwrap();
    let log = Log::new(Level::Error);
    let mut folders = Folders::open(&[folder.path().to_owned()], log).unwrap();
    let mut world = World::new(Settings::default());
    let news = folders.next().await;
    assert!(folders.apply(news, &mut world).is_some());
    assert_eq!(world.tenants().count(), 1);

    folders.start_over(Duration::ZERO);
    let mut fresh = World::new(Settings::default());
    let news = folders.next().await;
    assert!(news.is_none(), "everything");
    assert!(folders.apply(news, &mut fresh).is_some());
    assert_eq!(fresh.tenants().count(), 1);

    // A folder that cannot be looked into declares nothing, and is no empty one.
    folders.start_over(Duration::ZERO);
    let news = folders.next().await;
    drop(folder);
    assert!(folders.apply(news, &mut World::new(Settings::default())).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_to_tell_the_cluster_is_logged_once_until_it_is_there() {
    let mut running = running(vec![Told::Yaml("acme")]).await;
    let origin = postern_model::Origin::bare(postern_model::ObjectKey::new(Kind::File, "", "k"));
    let finding = Finding {
        severity: Severity::Warning,
        reason: postern_model::Reason::ServiceNotFound,
        origin,
        field: "".into(),
        message: "the published Service does not exist".to_owned(),
        remedy: "create it",
    };
    let line = "warning ServiceNotFound: the published Service does not exist; create it";
    running.note(vec![finding]);
    assert!(running.missing.contains(line) && running.found.contains(line), "it is logged already");
    assert!(running.line.findings().any(|finding| sentence(&finding) == line), "it counts");
    running.note(Vec::new());
    assert!(running.missing.is_empty());
    assert!(!running.line.findings().any(|finding| sentence(&finding) == line));
}
