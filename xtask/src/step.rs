// SPDX-License-Identifier: Apache-2.0
//! Steps of a run: each has a name, takes some time, and ends as passed, failed or skipped.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How one step ended.
pub(crate) enum Outcome {
    /// It did what it should; the text, where there is one, says how much.
    Passed(String),
    /// Why it failed.
    Failed(String),
    /// Why it did not run.
    Skipped(String),
}

/// The steps so far.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: Vec<String>,
    skipped: Vec<String>,
}

impl Tally {
    /// Runs a step, prints how it ended, and remembers it.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<Outcome>) {
        println!("==== {name}");
        let start = Instant::now();
        let outcome = work().unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        let took = seconds(start.elapsed());
        match outcome {
            Outcome::Passed(how_much) if how_much.is_empty() => {
                println!("ok       {name} ({took})");
                self.passed += 1;
            }
            Outcome::Passed(how_much) => {
                println!("ok       {name} ({took}): {how_much}");
                self.passed += 1;
            }
            Outcome::Failed(reason) => {
                println!("FAILED   {name} ({took}): {reason}");
                self.failed.push(format!("{name}: {reason}"));
            }
            Outcome::Skipped(reason) => self.skip(name, &reason),
        }
    }

    /// Remembers what was not done, and why.
    pub(crate) fn skip(&mut self, name: &str, reason: &str) {
        println!("skipped  {name}: {reason}");
        self.skipped.push(format!("{name}: {reason}"));
    }

    /// Prints what failed and what was skipped by name, and the counts as the last line.  True when nothing failed.
    pub(crate) fn finish(self) -> bool {
        println!("====");
        for line in &self.skipped {
            println!("skipped  {line}");
        }
        for line in &self.failed {
            println!("FAILED   {line}");
        }
        let (failed, skipped) = (self.failed.len(), self.skipped.len());
        println!("{} passed, {failed} failed, {skipped} skipped", self.passed);
        self.failed.is_empty()
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Runs a command whose output goes to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<Outcome> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    Ok(match status.success() {
        true => Outcome::Passed(String::new()),
        false => Outcome::Failed(format!("ended with {status}; its output is above")),
    })
}

/// Runs `cargo test …`, shows its output and adds up its counts.
pub(crate) fn run_tests(command: &mut Command) -> Result<Outcome> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let mut counts = [0_u64; 3];
    let mut failed = Vec::new();
    if let Some(output) = child.stdout.take() {
        let mut terminal = std::io::stdout().lock();
        for line in BufReader::new(output).lines() {
            let line = line?;
            writeln!(terminal, "{line}")?;
            count(&line, &mut counts);
            if let Some(name) =
                line.strip_prefix("test ").and_then(|l| l.strip_suffix(" ... FAILED"))
            {
                failed.push(name.to_owned());
            }
        }
    }
    let status = child.wait()?;
    let [passed, broken, ignored] = counts;
    let counted = format!("{passed} tests passed, {broken} failed, {ignored} ignored");
    Ok(match status.success() {
        true => Outcome::Passed(counted),
        false if failed.is_empty() => Outcome::Failed(format!("{counted}; {status}")),
        false => Outcome::Failed(format!("{counted}: {}", failed.join(", "))),
    })
}

/// Reads `test result: ok. 5 passed; 0 failed; 1 ignored; …`.
fn count(line: &str, counts: &mut [u64; 3]) {
    let Some(results) = line.strip_prefix("test result: ") else { return };
    for part in results.split(['.', ';']) {
        let mut words = part.split_whitespace();
        let (Some(number), Some(what)) = (words.next(), words.next()) else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        match what {
            "passed" => counts[0] += number,
            "failed" => counts[1] += number,
            "ignored" => counts[2] += number,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_several_test_programs_add_up() {
        let mut counts = [0; 3];
        count(
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; finished in 0.1s",
            &mut counts,
        );
        count("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured", &mut counts);
        count("test a_test ... ok", &mut counts);
        assert_eq!(counts, [7, 3, 1]);
    }
}
