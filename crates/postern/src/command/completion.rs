// SPDX-License-Identifier: Apache-2.0
//! `postern completion SHELL`

use clap::{Arg, ArgAction, Command};
use clap_complete::Shell;

use crate::config::KEYS;
use crate::exit::Exit;
use crate::output;

/// Prints a script that completes Postern's arguments.
///
/// For bash: source <(postern completion bash)
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The shell that the script is for.
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut command = super::command();
    for verb in super::CONFIGURED.into_iter().filter(|verb| super::has(verb)) {
        command = command.mut_subcommand(verb, with_keys);
    }
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "postern", &mut script);
    output::text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}

/// The keys as options; those of entry points under the names that there are without configuration.
fn with_keys(command: Command) -> Command {
    let keys = KEYS.iter().flat_map(|key| {
        let names: &[&str] = if key.path.contains("NAME") { &["web", "websecure"] } else { &[""] };
        names.iter().map(|name| {
            // The program ends right after: clap wants names that live as long as it does.
            let path: &'static str = key.path.replace("NAME", name).leak();
            Arg::new(path).long(path).help(key.help).action(ArgAction::Append)
        })
    });
    command.args(keys)
}
