// SPDX-License-Identifier: Apache-2.0
//! `postern options`: the reference of keys as Markdown, from which `docs/user/options.md` is made.

use crate::exit::Exit;
use crate::{config, output};

/// Prints the reference of configuration keys as Markdown.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// Prints the page.
pub(crate) fn run(_: &Arguments) -> anyhow::Result<Exit> {
    output::text(&config::markdown())?;
    Ok(Exit::Success)
}
