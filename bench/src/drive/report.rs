// SPDX-License-Identifier: Apache-2.0
//! What was measured, what was the goal, and whether it was reached.

use std::fmt;

use comfy_table::{Table, presets};
use serde_json::{Value, json};

/// What a value is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Only noted.
    None,
    /// At most this times nginx's value.
    Ratio(f64),
    /// At most this.
    AtMost(f64),
}

/// One measurement.
pub(crate) struct Line {
    scenario: String,
    unit: &'static str,
    goal: Goal,
    nginx: Option<f64>,
    postern: Option<f64>,
    broken: Option<String>,
}

impl Line {
    /// The values of the proxies, by name.
    pub(crate) fn new(
        scenario: &str,
        unit: &'static str,
        goal: Goal,
        measured: &[(&'static str, f64)],
    ) -> Self {
        let of = |name| measured.iter().find(|(proxy, _)| *proxy == name).map(|(_, value)| *value);
        let (nginx, postern) = (of("nginx"), of("postern"));
        let line = Self { scenario: scenario.to_owned(), unit, goal, nginx, postern, broken: None };
        println!("{}: {}", line.scenario, line.cells()[2..].join("  "));
        line
    }

    /// A scenario that could not be measured.
    pub(crate) fn broken(scenario: &str, error: &anyhow::Error) -> Self {
        println!("{scenario}: {error:#}");
        let broken = Some(format!("{error:#}"));
        let scenario = scenario.to_owned();
        Self { scenario, unit: "", goal: Goal::None, nginx: None, postern: None, broken }
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.postern? / self.nginx?)
    }

    fn passed(&self) -> Option<bool> {
        match (self.goal, &self.broken) {
            (_, Some(_)) => Some(false),
            (Goal::None, None) => None,
            (Goal::Ratio(most), None) => self.ratio().map(|ratio| ratio <= most),
            (Goal::AtMost(most), None) => self.postern.map(|value| value <= most),
        }
    }

    fn cells(&self) -> [String; 7] {
        let number =
            |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}"));
        let goal = match self.goal {
            Goal::None => "–".to_owned(),
            Goal::Ratio(most) => format!("≤ {most:.2} × nginx"),
            Goal::AtMost(most) if most.fract() == 0.0 => format!("≤ {most}"),
            Goal::AtMost(most) => format!("≤ {most:.2}"),
        };
        let verdict = match (self.passed(), &self.broken) {
            (_, Some(_)) => "broken",
            (None, None) => "–",
            (Some(true), None) => "pass",
            (Some(false), None) => "FAIL",
        };
        [
            self.scenario.clone(),
            self.unit.to_owned(),
            number(self.nginx),
            number(self.postern),
            number(self.ratio()),
            goal,
            verdict.to_owned(),
        ]
    }

    fn json(&self) -> Value {
        let goal = match self.goal {
            Goal::None => Value::Null,
            Goal::Ratio(most) => json!({ "ratio": most }),
            Goal::AtMost(most) => json!({ "at_most": most }),
        };
        json!({
            "scenario": self.scenario,
            "unit": self.unit,
            "nginx": self.nginx,
            "postern": self.postern,
            "ratio": self.ratio(),
            "goal": goal,
            "passed": self.passed(),
            "broken": self.broken,
        })
    }
}

/// All measurements.
#[derive(Default)]
pub(crate) struct Report(Vec<Line>);

impl Report {
    pub(crate) fn add(&mut self, line: Line) {
        self.0.push(line);
    }

    /// How many goals were missed.
    pub(crate) fn missed(&self) -> usize {
        self.0.iter().filter(|line| line.passed() == Some(false)).count()
    }

    /// The same for programs.
    pub(crate) fn json(&self, quick: bool) -> String {
        let lines: Vec<_> = self.0.iter().map(Line::json).collect();
        format!("{:#}\n", json!({ "quick": quick, "lines": lines }))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        table.set_header(["scenario", "unit", "nginx", "postern", "ratio", "goal", ""]);
        for line in &self.0 {
            table.add_row(line.cells());
        }
        write!(f, "{table}")
    }
}

/// The middle value; zero of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_missed_by_ratio_or_by_value() {
        let both = [("nginx", 10.0), ("postern", 9.5)];
        let passed = |goal| Line::new("x", "µs", goal, &both).passed();
        assert_eq!(passed(Goal::Ratio(0.95)), Some(true));
        assert_eq!(passed(Goal::Ratio(0.94)), Some(false));
        assert_eq!(passed(Goal::AtMost(9.4)), Some(false));
        assert_eq!(passed(Goal::None), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
    }
}
