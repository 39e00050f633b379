// SPDX-License-Identifier: Apache-2.0
//! The rules of the structure that no compiler checks.  Each violation says where, what, why, and what to do.

mod dependencies;
mod links;
mod sources;

use std::fmt;
use std::path::Path;

use anyhow::Result;

use crate::step::Outcome;
use crate::workspace::{root, shown};

/// One broken rule.
#[derive(Debug, PartialEq)]
pub(crate) struct Violation {
    place: String,
    line: usize,
    what: String,
    remedy: &'static str,
}

impl Violation {
    fn new(file: &Path, line: usize, what: String, remedy: &'static str) -> Self {
        Self { place: shown(file), line, what, remedy }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.place, self.line, self.what, self.remedy)
    }
}

/// Checks everything and prints what is broken; true when nothing is.
pub(crate) fn run() -> Result<bool> {
    let broken = broken()?;
    for violation in &broken {
        println!("{violation}");
    }
    println!("{} violations", broken.len());
    Ok(broken.is_empty())
}

/// The same as one step of a longer run.
pub(crate) fn step() -> Result<Outcome> {
    let broken = broken()?;
    for violation in &broken {
        println!("{violation}");
    }
    Ok(match broken.len() {
        0 => Outcome::Passed(String::new()),
        count => Outcome::Failed(format!("{count} violations, listed above")),
    })
}

fn broken() -> Result<Vec<Violation>> {
    let root = root();
    let mut all = dependencies::check(&root)?;
    all.extend(sources::check(&root)?);
    all.extend(links::check(&root)?);
    Ok(all)
}
