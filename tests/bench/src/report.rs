//! What a run says: a line for each figure, and all samples in a file.

use std::path::Path;

use serde_json::{Value, json};

use crate::Fault;
use crate::figures::{Goal, named};
use crate::options::Options;
use crate::rounds::{Summary, Who};

/// A ratio, and what it was made of.
pub(crate) struct Sample {
    pub(crate) first: Who,
    /// In the figure's unit.
    pub(crate) peer: f64,
    pub(crate) ours: f64,
}

impl Sample {
    fn ratio(&self) -> f64 {
        self.ours / self.peer
    }
}

/// The figures of a run so far.
pub(crate) struct Report<'a> {
    options: &'a Options,
    figures: Vec<Value>,
    met: usize,
    missed: usize,
}

impl<'a> Report<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        Self { options, figures: Vec::new(), met: 0, missed: 0 }
    }

    /// Tells a figure, if it is wanted. `unit` is what peer and ours are counted in.
    pub(crate) fn figure(
        &mut self,
        name: &str,
        unit: &str,
        samples: &[Sample],
    ) -> Result<(), Fault> {
        if !self.options.wants(name) {
            return Ok(());
        }
        let figure =
            named(name).ok_or_else(|| format!("`{name}` is not in the list of figures"))?;
        let ratios = samples.iter().map(Sample::ratio);
        let summary = Summary::of(ratios).ok_or_else(|| format!("`{name}` has no samples"))?;
        let Summary { median, least, most } = summary;
        if !(least.is_finite() && most.is_finite() && least > 0.0) {
            return Err(format!("`{name}` is not a ratio of measurements: {summary:?}").into());
        }
        let met = figure.goal.is_met(median);
        let verdict = match (figure.goal, met) {
            (Goal::None, _) => "",
            (_, true) => " OK",
            (_, false) => " SHORT",
        };
        println!(
            "bench {name} ratio={median:.2} spread={least:.2}..{most:.2} goal={}{verdict}",
            figure.goal
        );
        if figure.goal != Goal::None {
            *(if met { &mut self.met } else { &mut self.missed }) += 1;
        }
        let middle = |each: fn(&Sample) -> f64| {
            Summary::of(samples.iter().map(each)).map_or(0.0, |it| it.median)
        };
        println!(
            "      {unit}: plain {:.0}, ours {:.0}",
            middle(|it| it.peer),
            middle(|it| it.ours)
        );
        let samples: Vec<Value> = samples
            .iter()
            .map(|it| {
                let first = if it.first == Who::Peer { "plain" } else { "ours" };
                json!({ "first": first, "plain": it.peer, "ours": it.ours, "ratio": it.ratio() })
            })
            .collect();
        self.figures.push(json!({
            "name": name, "unit": unit, "ratio": median, "least": least, "most": most,
            "goal": figure.goal.to_string(), "met": met, "samples": samples,
        }));
        Ok(())
    }

    /// Keeps what is in no figure.
    pub(crate) fn note(&mut self, note: Value) {
        self.figures.push(note);
    }

    /// Writes the samples down, and tells how many figures there were.
    pub(crate) fn finish(self, file: &Path) -> Result<(), Fault> {
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let all = json!({ "cores": cores, "options": format!("{:?}", self.options), "figures": self.figures });
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(file, serde_json::to_string_pretty(&all)?)?;
        println!("samples: {}", file.display());
        let Self { met, missed, .. } = self;
        println!("bench: {} figures, {met} OK, {missed} SHORT", met + missed);
        Ok(())
    }
}
