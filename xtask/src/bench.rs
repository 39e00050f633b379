// SPDX-License-Identifier: Apache-2.0
//! Builds Postern and the measuring tools as they are shipped, and starts the driver (`bench/`).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::Subcommand;

use crate::cluster::{Cluster, Programs};
use crate::programs;
use crate::workspace::{cargo, root, target};

/// What is measured in a real cluster (needs Go and root).
#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Ready time, memory and how soon changes are live, by the number of tenants; minutes for each shape.
    Scale {
        /// Tenants × Ingresses of each; may be repeated.
        #[arg(long, value_name = "TENANTSxINGRESSES", default_values = ["100x100", "1000x10", "10000x1"])]
        shape: Vec<String>,
        /// Postern reads each namespace by itself, and Secrets by name.
        #[arg(long)]
        by_name: bool,
        /// How many certificates are changed, and then as many slices.
        #[arg(long, default_value_t = 200)]
        changes: u32,
    },
    /// Kills the API server and keeps it away for a while, under traffic.
    Outage {
        /// For how long.
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
        /// Requests a second meanwhile.
        #[arg(long, default_value_t = 200)]
        rate: u32,
        /// Tenants × Ingresses of each.
        #[arg(long, value_name = "TENANTSxINGRESSES", default_value = "100x10")]
        shape: String,
    },
}

/// Measures in a cluster of its own for each shape, which is gone afterwards; true when every goal was reached.
pub(crate) fn in_cluster(verb: &Verb) -> Result<bool> {
    let programs = match Programs::build()? {
        Ok(programs) => programs,
        Err(reason) => anyhow::bail!("the test cluster cannot be had here: {reason}"),
    };
    build()?;
    let built = target().join("release");
    let driver = built.join("postern-bench");
    let inside = |arguments: &[String]| -> Result<bool> {
        let mut command = Cluster::temporary(&programs).once()?;
        command.current_dir(root()).arg("--").arg(&driver).arg("cluster").args(arguments);
        Ok(command.arg("--postern").arg(built.join("postern")).status()?.success())
    };
    match verb {
        Verb::Outage { minutes, rate, shape } => inside(&[
            "outage".to_owned(),
            format!("--minutes={minutes}"),
            format!("--rate={rate}"),
            format!("--shape={shape}"),
        ]),
        Verb::Scale { shape, by_name, changes } => {
            let mut files = Vec::new();
            for shape in shape {
                println!("{shape}: tenants x Ingresses of each");
                let file = target().join(format!("bench-scale-{shape}.json"));
                let mut arguments = vec![
                    "shape".to_owned(),
                    format!("--shape={shape}"),
                    format!("--changes={changes}"),
                    format!("--out={}", file.display()),
                ];
                arguments.extend(by_name.then(|| "--by-name".to_owned()));
                anyhow::ensure!(inside(&arguments)?, "{shape} could not be measured");
                files.push(file);
            }
            Ok(Command::new(&driver).args(["cluster", "table"]).args(files).status()?.success())
        }
    }
}

/// Measures; true when every goal that was measured was reached.
pub(crate) fn run(
    quick: bool,
    only: &[String],
    out: Option<PathBuf>,
    rest: &[String],
) -> Result<bool> {
    for program in programs::ensure(programs::BENCH) {
        println!("skipped  what needs {}: it is not installed", program.name);
    }
    build()?;
    let built = target().join("release");
    let mut driver = Command::new(built.join("postern-bench"));
    driver.current_dir(root()).arg("drive").arg("--postern").arg(built.join("postern"));
    if quick {
        driver.arg("--quick");
    }
    for name in only {
        driver.args(["--only", name]);
    }
    if let Some(out) = out.as_deref() {
        driver.arg("--out").arg(absolute(out)?);
    }
    Ok(driver.args(rest).status()?.success())
}

/// Builds what is measured and what measures.
fn build() -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--release", "--package", "postern", "--package", "postern-bench"]);
    anyhow::ensure!(build.status()?.success(), "the release build failed");
    Ok(())
}

fn absolute(path: &Path) -> Result<PathBuf> {
    Ok(std::path::absolute(path)?)
}
