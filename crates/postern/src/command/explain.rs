// SPDX-License-Identifier: Apache-2.0
//! `postern explain URL FOLDER…`

use std::fmt::Write;
use std::path::PathBuf;

use postern_compile::explain::{BackendStory, Explanation, Loser, Outcome, Ownership, Question};
use serde_json::{Value, json};

use crate::config::Config;
use crate::exit::Exit;
use crate::line::Line;
use crate::log::printable;
use crate::output::{self, DataFormat};

/// Tells why a URL is answered as it is: tenant, claim, certificate, route, backend, and every loser with its reason.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The URL that is asked for: http://HOST/PATH or https://HOST/PATH.
    url: String,
    /// Folders or files of Kubernetes YAML or JSON.
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// The name in the ClientHello, if it is another than the URL's.
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,
    /// How it is written.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// Lines for people
    Text,
    /// JSON
    Json,
}

/// Prints the explanation.
pub(crate) fn run(arguments: &Arguments, config: Config) -> anyhow::Result<Exit> {
    let question = Question::parse(&arguments.url, arguments.sni.as_deref())?;
    let (line, _, _) = Line::of_folders(&arguments.folders, config.settings)?;
    let explanation = postern_compile::explain(line.world(), &question);
    match arguments.output {
        Output::Text => output::text(&text(&explanation))?,
        Output::Json => output::value(&json(&explanation), DataFormat::Json)?,
    }
    Ok(Exit::Success)
}

fn text(explanation: &Explanation) -> String {
    let mut out = String::new();
    let question = &explanation.question;
    let scheme = if question.tls { "https" } else { "http" };
    let _ = writeln!(out, "{scheme}://{}{}: {}", question.host, question.path, explanation.outcome);
    let mut line = |what: &str, text: &str| {
        let _ = writeln!(out, "  {what:<12} {}", printable(text));
    };
    if question.tls {
        line("server name", question.sni.as_str());
    }
    line("entry point", explanation.entry_point.as_deref().unwrap_or("none speaks this"));
    line("tenant", explanation.tenant.as_deref().unwrap_or("none"));
    line("host", &explanation.ownership.to_string());
    if let Some(handshake) = &explanation.handshake {
        match &handshake.result {
            Ok(secret) => line("certificate", &secret.to_string()),
            Err(reason) => line("certificate", &format!("none: {reason}")),
        }
    }
    if let Some(route) = &explanation.route {
        let from = format!("{} {}", route.object, route.field);
        line("route", &format!("{from} ({}, priority {})", route.path, route.priority));
    }
    if let Some(backend) = &explanation.backend {
        line("backend", &backend_text(backend));
    }
    let certificates = explanation.handshake.iter().flat_map(|handshake| &handshake.losers);
    losers(&mut out, "certificates that are passed over", certificates);
    losers(&mut out, "rules that are passed over", explanation.losers.iter());
    out
}

fn backend_text(backend: &BackendStory) -> String {
    let endpoints: Vec<_> = backend.endpoints.iter().map(ToString::to_string).collect();
    let endpoints = if endpoints.is_empty() { "none".to_owned() } else { endpoints.join(", ") };
    format!(
        "{} port {} ({:?}), endpoints: {endpoints}",
        backend.service, backend.port, backend.protocol
    )
}

fn losers<'a>(out: &mut String, head: &str, losers: impl Iterator<Item = &'a Loser>) {
    let mut losers = losers.peekable();
    if losers.peek().is_some() {
        let _ = writeln!(out, "{head}:");
    }
    for Loser { object, field, reason } in losers {
        let place = format!("{object} {field}");
        let _ = writeln!(out, "  {}", printable(&format!("{}: {reason}", place.trim_end())));
    }
}

fn json(explanation: &Explanation) -> Value {
    let question = &explanation.question;
    json!({
        "schemaVersion": 1,
        "question": {
            "tls": question.tls,
            "host": question.host.as_str(),
            "sni": question.tls.then(|| question.sni.as_str()),
            "path": question.path,
        },
        "outcome": { "status": status(&explanation.outcome), "text": explanation.outcome.to_string() },
        "entryPoint": explanation.entry_point.as_deref(),
        "tenant": explanation.tenant.as_deref(),
        "ownership": ownership(&explanation.ownership),
        "certificate": explanation.handshake.as_ref().map(|handshake| match &handshake.result {
            Ok(secret) => json!({ "secret": secret.to_string(), "losers": all(&handshake.losers) }),
            Err(reason) => json!({ "refused": reason, "losers": all(&handshake.losers) }),
        }),
        "route": explanation.route.as_ref().map(|route| json!({
            "object": route.object.to_string(),
            "field": &*route.field,
            "path": route.path,
            "priority": route.priority,
        })),
        "backend": explanation.backend.as_ref().map(|backend| json!({
            "service": backend.service.to_string(),
            "port": backend.port,
            "protocol": format!("{:?}", backend.protocol),
            "endpoints": backend.endpoints.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })),
        "losers": all(&explanation.losers),
    })
}

/// What Postern itself answers; nothing where the backend does, or where there is no request.
fn status(outcome: &Outcome) -> Option<u16> {
    match outcome {
        Outcome::Forwarded | Outcome::Refused => None,
        Outcome::Misdirected => Some(421),
        Outcome::NotFound => Some(404),
        Outcome::Closed(_) | Outcome::NoEndpoints => Some(503),
    }
}

fn ownership(ownership: &Ownership) -> Value {
    let text = ownership.to_string();
    match ownership {
        Ownership::Domain { domain } => {
            json!({ "by": "domain", "pattern": domain.to_string(), "text": text })
        }
        Ownership::Claim { pattern, namespace, epoch } => json!({
            "by": "claim",
            "pattern": pattern.to_string(),
            "namespace": &**namespace,
            "epoch": epoch,
            "text": text,
        }),
        Ownership::Quarantined { pattern, until } => json!({
            "by": "quarantine",
            "pattern": pattern.to_string(),
            "until": until.0,
            "text": text,
        }),
        Ownership::Nobody => json!({ "by": null, "text": text }),
    }
}

fn all(losers: &[Loser]) -> Vec<Value> {
    let one = |loser: &Loser| {
        json!({
            "object": loser.object.to_string(),
            "field": &*loser.field,
            "reason": loser.reason,
        })
    };
    losers.iter().map(one).collect()
}
