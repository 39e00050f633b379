// SPDX-License-Identifier: Apache-2.0
//! Runs the examples of the README as a reader would: every ```sh block that follows `<!-- tested -->`.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context, Result};

use crate::step::Outcome;
use crate::workspace::{root, target};

const MARK: &str = "<!-- tested -->";
const LIMIT: Duration = Duration::from_secs(60);

/// One example.
#[derive(Debug, PartialEq)]
struct Example {
    line: usize,
    script: String,
}

/// Runs them all, in order, in one temporary folder, with the built `postern` first on PATH.
pub(crate) fn step() -> Result<Outcome> {
    let readme = root().join("README.md");
    let text = fs::read_to_string(&readme).context("README.md cannot be read")?;
    let examples = examples(&text);
    if examples.is_empty() {
        return Ok(Outcome::Failed(format!("README.md has no ```sh block after {MARK}")));
    }
    let folder = env::temp_dir().join(format!("postern-readme-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let failures: Vec<_> =
        examples.iter().filter_map(|e| run(e, &folder).err().map(|r| format!("{r:#}"))).collect();
    fs::remove_dir_all(&folder)?;
    Ok(match failures.is_empty() {
        true => Outcome::Passed(format!("{} examples", examples.len())),
        false => Outcome::Failed(failures.join("; ")),
    })
}

fn examples(text: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut marked = false;
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        match line.trim() {
            MARK => marked = true,
            "" => {}
            "```sh" if marked => {
                let block = lines.by_ref().map(|(_, line)| line).take_while(|l| l.trim() != "```");
                let script = block.collect::<Vec<_>>().join("\n");
                found.push(Example { line: number + 1, script });
                marked = false;
            }
            _ => marked = false,
        }
    }
    found
}

fn run(example: &Example, folder: &Path) -> Result<()> {
    let output = folder.join(".output");
    let path = env::var("PATH").unwrap_or_default();
    let mut child = Command::new("sh")
        .args(["-eu", "-c", &example.script])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", target().join("debug").display()))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(File::create(&output)?)
        .stderr(File::options().append(true).open(&output)?)
        // A group of its own, so that servers which the example left in the background end with it.
        .process_group(0)
        .spawn()?;
    let status = wait(&mut child);
    let _ = Command::new("kill")
        .args(["-KILL", "--", &format!("-{}", child.id())])
        .stderr(Stdio::null())
        .status();
    child.wait()?;
    let place = format!("README.md:{}", example.line);
    match status? {
        Some(status) if status.success() => return Ok(()),
        Some(status) => println!("{place} ended with {status}; it printed:"),
        None => println!("{place} did not end within {} s; it printed:", LIMIT.as_secs()),
    }
    println!("{}", fs::read_to_string(&output).unwrap_or_default());
    anyhow::bail!("{place} does not work")
}

fn wait(child: &mut Child) -> Result<Option<ExitStatus>> {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_shell_blocks_are_examples() {
        let text = "# x\n```sh\nnot\n```\n<!-- tested -->\n```sh\na\nb\n```\n<!-- tested -->\nword\n```sh\nnot\n```\n";
        let expected = vec![Example { line: 6, script: "a\nb".to_owned() }];
        assert_eq!(examples(text), expected);
    }
}
