// SPDX-License-Identifier: Apache-2.0
//! The results of several shapes side by side.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets};
use serde_json::Value;

/// Prints them; fails when a goal was missed.
pub(super) fn run(files: &[PathBuf]) -> Result<()> {
    let mut shapes = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("{} cannot be read", file.display()))?;
        shapes.push(serde_json::from_str::<Value>(&text)?);
    }
    let (rows, missed) = rows(&shapes);
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    let names = shapes.iter().map(|shape| shape["shape"].as_str().unwrap_or("?").to_owned());
    let head = ["tenants x Ingresses of each", "unit"].map(str::to_owned);
    table.set_header(head.into_iter().chain(names).chain(["goal".to_owned(), String::new()]));
    for row in rows {
        table.add_row(row);
    }
    println!("{table}");
    if missed > 0 {
        bail!("{missed} goals were missed");
    }
    Ok(())
}

/// A row for each measurement, in the order of the first shape that has it; and how many values missed their goals.
fn rows(shapes: &[Value]) -> (Vec<Vec<String>>, usize) {
    let lines = |shape: &Value| shape["lines"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    for line in shapes.iter().flat_map(lines) {
        let name = line["scenario"].as_str().unwrap_or_default().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut missed = 0;
    let rows = names.iter().map(|name| {
        let found: Vec<Option<Value>> = shapes
            .iter()
            .map(|shape| lines(shape).into_iter().find(|line| line["scenario"] == name.as_str()))
            .collect();
        let any = found.iter().flatten().next().cloned().unwrap_or_default();
        let value = |line: &Option<Value>| {
            let value = line.as_ref().and_then(|line| line["postern"].as_f64());
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
        };
        let verdicts: Vec<_> =
            found.iter().flatten().filter_map(|line| line["passed"].as_bool()).collect();
        missed += verdicts.iter().filter(|passed| !**passed).count();
        let verdict = match (verdicts.is_empty(), verdicts.iter().all(|passed| *passed)) {
            (true, _) => "–",
            (_, true) => "pass",
            (_, false) => "FAIL",
        };
        let goal = any["goal"]["at_most"].as_f64();
        let mut row = vec![name.clone(), any["unit"].as_str().unwrap_or_default().to_owned()];
        row.extend(found.iter().map(value));
        row.push(goal.map_or_else(|| "–".to_owned(), |most| format!("≤ {most}")));
        row.push(verdict.to_owned());
        row
    });
    (rows.collect(), missed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_shape_that_misses_makes_the_row_fail() {
        let shape = |value: f64, passed: bool| {
            json!({ "shape": "1x1", "lines": [{ "scenario": "ready", "unit": "s", "postern": value,
                "goal": { "at_most": 5.0 }, "passed": passed }] })
        };
        let (rows, missed) = rows(&[shape(1.0, true), shape(6.0, false)]);
        assert_eq!(rows, [["ready", "s", "1.00", "6.00", "≤ 5", "FAIL"].map(str::to_owned)]);
        assert_eq!(missed, 1);
    }
}
