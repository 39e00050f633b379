// SPDX-License-Identifier: Apache-2.0
//! The verbs: one file each.  Here is only which there are, and how arguments reach them.

mod completion;
mod demo;
mod explain;
mod options;
mod render;
mod run;
mod serve;
mod validate;
mod version;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use postern_compile::explain::InvalidQuestion;
use postern_source::{ClusterError, FolderError};

use crate::config::{self, Config, ConfigError, Layer};
use crate::exit::Exit;

const EXIT_CODES: &str = "Exit codes: 0 as asked (validate: nothing found), 1 failed, 2 findings, 64 wrong arguments or \
                          configuration, 65 a folder or a kubeconfig cannot be read.";

/// The verbs that take configuration among their flags.
const CONFIGURED: [&str; 5] = ["run", "serve", "validate", "render", "explain"];

/// An edge router for Kubernetes that keeps tenants apart.
///
/// It reads a Kubernetes cluster or folders of Kubernetes YAML (Ingress, Service, EndpointSlice, Secret, and its own Tenant and HostClaim), and serves what
/// each tenant declares under the hostnames that the tenant owns, and under no others.
#[derive(Debug, Parser)]
#[command(name = "postern", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Serve(serve::Arguments),
    Validate(validate::Arguments),
    Render(render::Arguments),
    Explain(explain::Arguments),
    Demo(demo::Arguments),
    Completion(completion::Arguments),
    #[command(hide = true)]
    Options(options::Arguments),
    Version(version::Arguments),
}

/// Runs what the arguments say, and tells standard error why it could not.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    match try_run(arguments) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("postern: {}", crate::log::printable(&format!("{error:#}")));
            exit_of(&error)
        }
    }
}

fn exit_of(error: &anyhow::Error) -> Exit {
    if error.is::<ConfigError>() || error.is::<InvalidQuestion>() {
        Exit::Usage
    } else if error.is::<FolderError>() {
        Exit::Unreadable
    } else if let Some(error) = error.downcast_ref() {
        match error {
            ClusterError::Kubeconfig { .. } | ClusterError::ServiceAccount(_) => Exit::Unreadable,
            _ => Exit::Usage,
        }
    } else {
        Exit::Failure
    }
}

fn try_run(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<Exit> {
    let (flags, arguments) = split(arguments)?;
    let parsed = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => {
            // There is nobody to tell when the stream is closed.
            let _ = error.print();
            return Ok(if error.use_stderr() { Exit::Usage } else { Exit::Success });
        }
    };
    match arguments.command {
        Command::Run(arguments) => run::run(arguments, load(flags)?),
        Command::Serve(arguments) => serve::run(&arguments, load(flags)?),
        Command::Validate(arguments) => validate::run(&arguments, load(flags)?),
        Command::Render(arguments) => render::run(&arguments, load(flags)?),
        Command::Explain(arguments) => explain::run(&arguments, load(flags)?),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Completion(arguments) => completion::run(&arguments),
        Command::Options(arguments) => options::run(&arguments),
        Command::Version(arguments) => version::run(&arguments),
    }
}

/// The commands with the reference of keys in the long help of those that take them.
fn command() -> clap::Command {
    CONFIGURED
        .into_iter()
        .filter(|verb| has(verb))
        .fold(Arguments::command(), |command, verb| command.mut_subcommand(verb, with_keys))
}

/// Says in a verb's help that it takes keys, and which.
fn with_keys(verb: clap::Command) -> clap::Command {
    let name = verb.get_name().to_owned();
    let rest = match name.as_str() {
        "run" => "",
        "explain" => " <URL> <FOLDER>...",
        _ => " <FOLDER>...",
    };
    verb.override_usage(format!("postern {name} [OPTIONS] [--KEY=VALUE]...{rest}"))
        .after_help(format!(
            "Configuration is given as --KEY=VALUE: postern {name} --help lists all keys."
        ))
        .after_long_help(config::help())
}

fn has(verb: &str) -> bool {
    Arguments::command().find_subcommand(verb).is_some()
}

/// Takes the configuration out of the arguments of a verb that has one.
fn split(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(Layer, Vec<OsString>), ConfigError> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let verb = arguments.get(1).and_then(|verb| verb.to_str()).unwrap_or_default();
    let root = Arguments::command();
    let Some(verb) = root.find_subcommand(verb).filter(|_| CONFIGURED.contains(&verb)) else {
        return Ok((Layer::default(), arguments));
    };
    let mut own: Vec<String> =
        verb.get_arguments().filter_map(|a| a.get_long().map(str::to_owned)).collect();
    own.push("help".to_owned());
    let (flags, rest) = config::take_flags(arguments.split_off(2), &own)?;
    arguments.extend(rest);
    Ok((flags, arguments))
}

/// The configuration from a verb's flags and from the environment.
fn load(flags: Layer) -> Result<Config, ConfigError> {
    // A variable that is no UTF-8 is none of ours: all our keys and values are.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Config::load(flags, variables)
}
