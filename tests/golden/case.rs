// SPDX-License-Identifier: Apache-2.0
//! One golden file: parsed into steps, run, and put together again.

use postern_model::path::normalize;
use postern_model::{EntryPointId, Host, Settings, TenancyMode, Timestamp};
use postern_snapshot::Snapshot;
use postern_tests::Declared;
use serde_json::Value;

use crate::certificates::Certificates;
use crate::rendered;

/// 2026-06-01T00:00:00Z
const NOW: Timestamp = Timestamp(1_780_272_000);

const RESULT: &str = "\n---\n# Result\n";
const THEN: &str = "\n---\n# Then";

/// A golden file.
pub(crate) struct Case {
    input: String,
    /// What the file says comes out.
    pub(crate) result: String,
}

impl Case {
    pub(crate) fn parse(text: &str) -> Self {
        let (input, result) = text.split_once(RESULT).unwrap_or((text.trim_end(), ""));
        Self { input: input.to_owned(), result: result.to_owned() }
    }

    /// The whole file with another result.
    pub(crate) fn with_result(&self, result: &str) -> String {
        format!("{}{RESULT}{result}", self.input)
    }

    /// What comes out, as text.
    pub(crate) fn run(&self, certificates: &Certificates) -> String {
        let mut declared = Declared::new(self.settings(), NOW);
        let mut snapshot = Snapshot::default();
        let mut files: Vec<String> = Vec::new();
        for (number, step) in self.input.split(THEN).enumerate() {
            let (gone, step) = if number == 0 { ("", step) } else { line(step) };
            let gone = gone.trim().trim_start_matches("without").split(',').map(str::trim);
            let mut names: Vec<String> = gone.map(str::to_owned).collect();
            names.extend(documents(step).filter_map(identity));
            for (file, text) in files.iter_mut().enumerate() {
                *text = without(text, &names);
                declared.write(&format!("{}.yaml", file + 1), &certificates.expand(text));
            }
            files.push(step.to_owned());
            declared.write(&format!("{}.yaml", number + 1), &certificates.expand(step));
            snapshot = declared.compile();
        }
        self.answers(&snapshot);
        certificates.name(&rendered::result(&declared, &snapshot))
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        let Some(line) = self.line("# Settings: ") else { return settings };
        let line: Value = serde_json::from_str(line).expect("settings are JSON");
        for (key, value) in line.as_object().expect("settings are an object") {
            let texts = || value.as_array().expect("a list").iter().filter_map(Value::as_str);
            let nets = || texts().map(|net| net.parse().expect("a network")).collect();
            match key.as_str() {
                "tenancy.mode" => {
                    settings.tenancy = match value.as_str() {
                        Some("declared") => TenancyMode::Declared,
                        Some("off") => TenancyMode::Off,
                        _ => TenancyMode::Namespace,
                    }
                }
                "ingressClass" => settings.ingress_class = value.as_str().map(Into::into),
                "namespaces" => settings.namespaces = texts().map(Into::into).collect(),
                "allowCrossNamespace" => settings.allow_cross_namespace = value == true,
                "allowEmptyServices" => settings.allow_empty_services = value == true,
                "egress.allow" => settings.egress.allow = nets(),
                "egress.deny" => settings.egress.deny = nets(),
                "egress.requirePodTargets" => settings.egress.require_pod_targets = value == true,
                other => panic!("{other} is no setting of golden files"),
            }
        }
        settings
    }

    /// Asks the snapshot for what `# Requests:` says: `HOST/PATH PathType DeclaredPath; …`.
    fn answers(&self, snapshot: &Snapshot) {
        let Some(requests) = self.line("# Requests: ") else { return };
        for request in requests.split(';') {
            let (url, expected) = request.trim().split_once(' ').expect("a URL and an answer");
            let (host, path) = url.split_at(url.find('/').expect("a path"));
            let host = Host::parse(host).expect("a host");
            let path = normalize(path).expect("a path");
            let admission = snapshot.admit(&host).expect("the host is owned");
            let route = admission.route(EntryPointId(0), &path);
            let found = route.map(|route| postern_snapshot::render::path(&route.path));
            assert_eq!(found.as_deref().unwrap_or("404"), expected, "{url}");
        }
    }

    fn line(&self, start: &str) -> Option<&str> {
        self.input.lines().find_map(|line| line.strip_prefix(start))
    }
}

fn line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

fn documents(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n---\n")
}

/// `Kind namespace/name` of a document.
fn identity(document: &str) -> Option<String> {
    let value: Value = serde_saphyr::from_str(document).ok()?;
    let name = value["metadata"]["name"].as_str()?;
    let kind = value["kind"].as_str()?;
    Some(match value["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    })
}

/// A text with some documents emptied, so that the lines of the others stay where they are.
fn without(text: &str, names: &[String]) -> String {
    let kept = documents(text).map(|document| match identity(document) {
        Some(name) if names.contains(&name) => "\n".repeat(document.matches('\n').count()),
        _ => document.to_owned(),
    });
    kept.collect::<Vec<_>>().join("\n---\n")
}
