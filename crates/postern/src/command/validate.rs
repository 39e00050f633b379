// SPDX-License-Identifier: Apache-2.0
//! `postern validate FOLDER…`

use std::path::PathBuf;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use postern_model::{Finding, Severity};
use postern_source::Summary;
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::exit::Exit;
use crate::findings::{Tally, severity_word, sorted};
use crate::line::Line;
use crate::log::printable;
use crate::output::{self, DataFormat};

/// Prints every finding about the objects of folders: where, what, why, and what to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folders or files of Kubernetes YAML or JSON.
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// How it is written.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    /// The least severity that makes the exit code 2.
    #[arg(long, value_enum, default_value = "warning")]
    fail_on: FailOn,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// A table for people
    Table,
    /// JSON
    Json,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FailOn {
    /// Something that was asked for is not served
    Error,
    /// Something was ignored, or worse
    Warning,
    /// Any finding
    Info,
    /// No finding, however bad
    Never,
}

impl FailOn {
    fn counts(self, severity: Severity) -> bool {
        match self {
            Self::Error => severity >= Severity::Error,
            Self::Warning => severity >= Severity::Warning,
            Self::Info => true,
            Self::Never => false,
        }
    }
}

/// Prints the findings.
pub(crate) fn run(arguments: &Arguments, config: Config) -> anyhow::Result<Exit> {
    let (line, _, summary) = Line::of_folders(&arguments.folders, config.settings)?;
    let findings = sorted(line.findings());
    match arguments.output {
        Output::Table => output::text(&table(&findings, &summary))?,
        Output::Json => output::value(&json(&findings, &summary), DataFormat::Json)?,
    }
    let fails = findings.iter().any(|finding| arguments.fail_on.counts(finding.severity));
    Ok(if fails { Exit::Findings } else { Exit::Success })
}

fn table(findings: &[Finding], summary: &Summary) -> String {
    let mut out = String::new();
    if !findings.is_empty() {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if let Some(columns) = output::terminal_width() {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
        }
        table.set_header(["SEVERITY", "PLACE", "OBJECT", "FIELD", "REASON", "WHY", "REMEDY"]);
        for finding in findings {
            table.add_row(row(finding));
        }
        let text = table.to_string();
        text.lines().for_each(|line| {
            out.push_str(line.trim_end());
            out.push('\n');
        });
        out.push('\n');
    }
    let objects: usize = summary.objects.values().sum();
    out.push_str(&format!(
        "{} in {objects} objects of {} files\n",
        Tally::of(findings),
        summary.files
    ));
    if !summary.others.is_empty() {
        let others: Vec<_> =
            summary.others.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
        out.push_str(&format!("kinds that are not read: {}\n", printable(&others.join(", "))));
    }
    out
}

fn row(finding: &Finding) -> [String; 7] {
    let place = finding.origin.place.as_ref().map(ToString::to_string).unwrap_or_default();
    [
        severity_word(finding.severity).to_owned(),
        place,
        finding.origin.key.to_string(),
        finding.field.to_string(),
        finding.reason.to_string(),
        finding.message.clone(),
        finding.remedy.to_owned(),
    ]
    .map(|cell| printable(&cell))
}

fn json(findings: &[Finding], summary: &Summary) -> Value {
    let tally = Tally::of(findings);
    let objects: Map<String, Value> =
        summary.objects.iter().map(|(kind, count)| (kind.to_string(), (*count).into())).collect();
    let others: Map<String, Value> =
        summary.others.iter().map(|(kind, count)| (kind.to_string(), (*count).into())).collect();
    json!({
        "schemaVersion": 1,
        "summary": {
            "files": summary.files,
            "objects": objects,
            "notRead": others,
            "findings": { "error": tally.errors, "warning": tally.warnings, "info": tally.infos },
        },
        "findings": findings.iter().map(finding_json).collect::<Vec<_>>(),
    })
}

fn finding_json(finding: &Finding) -> Value {
    let key = &finding.origin.key;
    let place = finding.origin.place.as_ref();
    json!({
        "severity": severity_word(finding.severity),
        "reason": finding.reason.to_string(),
        "file": place.map(|place| &*place.file),
        "line": place.map(|place| place.line),
        "kind": key.kind.to_string(),
        "namespace": &*key.namespace,
        "name": &*key.name,
        "field": &*finding.field,
        "message": finding.message,
        "remedy": finding.remedy,
    })
}
