// SPDX-License-Identifier: Apache-2.0
//! `postern render FOLDER…`

use std::path::PathBuf;

use crate::config::Config;
use crate::exit::Exit;
use crate::line::Line;
use crate::output::{self, DataFormat};

/// Prints what the data plane would serve, without keys.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folders or files of Kubernetes YAML or JSON.
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// How it is written.
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: DataFormat,
}

/// Prints the snapshot.
pub(crate) fn run(arguments: &Arguments, config: Config) -> anyhow::Result<Exit> {
    let entry_points = config.settings.entry_points.clone();
    let (_, snapshot, _) = Line::of_folders(&arguments.folders, config.settings)?;
    output::value(&snapshot.render(&entry_points), arguments.output)?;
    Ok(Exit::Success)
}
