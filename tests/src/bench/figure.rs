//! A figure, its goal and what it was held against; a suite of them as a table and as JSON lines.

use std::{fmt::Write as _, fs};

use serde::Serialize;

use crate::house::workspace;

/// What a figure is to be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

/// What a figure was held against in the same run.
#[derive(Clone, Debug, Serialize)]
pub struct Limit {
    /// What it is.
    pub what: String,
    /// Its value, in the unit that `what` names.
    pub value: f64,
}

/// A measured figure.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Its name, as issues and documents call it.
    pub name: &'static str,
    /// The median.
    pub value: f64,
    /// Such as `ms`, `ratio`, `per_s`.
    pub unit: &'static str,
    /// What it is to be, if that is decided.
    pub goal: Option<Goal>,
    /// What it was held against.
    pub limit: Option<Limit>,
    /// How many runs the median is of.
    pub runs: usize,
}

impl Figure {
    /// The median of these runs, without a goal.
    #[must_use]
    pub fn median(name: &'static str, unit: &'static str, runs: &[f64]) -> Self {
        Self { name, value: median(runs), unit, goal: None, limit: None, runs: runs.len() }
    }

    /// To be no more than this.
    #[must_use]
    pub fn at_most(self, most: f64) -> Self {
        Self { goal: Some(Goal::AtMost(most)), ..self }
    }

    /// To be no less than this.
    #[must_use]
    pub fn at_least(self, least: f64) -> Self {
        Self { goal: Some(Goal::AtLeast(least)), ..self }
    }

    /// Held against this value, in the unit that `what` names.
    #[must_use]
    pub fn against(self, what: impl Into<String>, value: f64) -> Self {
        Self { limit: Some(Limit { what: what.into(), value }), ..self }
    }

    /// Whether the goal is met; `None` without one.
    #[must_use]
    pub fn met(&self) -> Option<bool> {
        self.goal.map(|goal| match goal {
            Goal::AtMost(most) => self.value <= most,
            Goal::AtLeast(least) => self.value >= least,
        })
    }
}

/// The median; 0 of nothing.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// Prints the figures as a table and adds them to `target/bench/<suite>.jsonl`.
///
/// # Errors
/// The file cannot be written.
#[expect(clippy::print_stdout, reason = "the table is what a bench is run for")]
pub fn publish(suite: &str, figures: &[Figure]) -> anyhow::Result<()> {
    let mut lines = String::new();
    println!("{:<34} {:>12} {:<8} {:>12}  held against", "figure", "median", "unit", "goal");
    for figure in figures {
        let goal = match figure.goal {
            Some(Goal::AtMost(most)) => format!("<= {most}"),
            Some(Goal::AtLeast(least)) => format!(">= {least}"),
            None => "-".to_owned(),
        };
        let verdict = match figure.met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let limit = figure.limit.as_ref().map(|limit| format!("{} {:.3}", limit.what, limit.value)).unwrap_or_default();
        println!("{:<34} {:>12.3} {:<8} {goal:>12}  {limit} {verdict}", figure.name, figure.value, figure.unit);
        writeln!(lines, "{}", serde_json::to_string(figure)?)?;
    }
    let folder = workspace().join("target/bench");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{suite}.jsonl"));
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::write(path, before + &lines)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        for (values, expected) in
            [(&[][..], 0.0), (&[3.0], 3.0), (&[9.0, 1.0, 5.0], 5.0), (&[1.0, 2.0, 4.0, 100.0], 3.0)]
        {
            assert!((median(values) - expected).abs() < f64::EPSILON, "{values:?}");
        }
    }
}
