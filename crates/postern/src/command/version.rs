// SPDX-License-Identifier: Apache-2.0
//! `postern version`

use serde_json::json;

use crate::exit::Exit;
use crate::output;

/// Prints the version.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How it is written.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// A line for people
    Text,
    /// JSON
    Json,
}

/// Prints the version.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let version = env!("CARGO_PKG_VERSION");
    match arguments.output {
        Output::Text => output::text(&format!("postern {version}"))?,
        Output::Json => {
            let value = json!({ "version": version, "os": std::env::consts::OS, "arch": std::env::consts::ARCH });
            output::value(&value, output::DataFormat::Json)?;
        }
    }
    Ok(Exit::Success)
}
