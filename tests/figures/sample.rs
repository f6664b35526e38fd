//! Hand-made analyses: grids of weightings with everything that figures show.

use std::collections::BTreeMap;

use wit_eval::analyze::analysis::{
    Arm, ArmKind, ArmMeasure, ArmResult, BenchmarkKind, BenchmarkWeightings, BestSet, Contrast, ContrastVerdict,
    Headline, LikelihoodAnalysis, SeedVariance, WeightingsAnalysis,
};
use wit_eval::analyze::picture::{
    BestCell, CharacteristicCorrelation, Front, Gain, MeanGain, Picture, PreferenceGain, Series, TextPart, TradeOff,
    TradeOffPoint, VarianceDecomposition, VarianceShare, VarianceSource, WeightAxis, WeightEffect, WeightLevel,
};
use wit_eval::analyze::{Analysis, SCHEMA};
use wit_eval::estimate::{Estimate, Interval, IntervalMethod};
use wit_eval::sensitivity::{Measure, PosixMode};
use wit_eval::weighting::Weighting;

/// What to make.
pub struct Sample<'a> {
    pub series: usize,
    pub prompts: &'a [f64],
    pub responses: &'a [f64],
    pub benchmarks: &'a [&'a str],
    pub intervals: bool,
    /// Stands in for every name from outside, where given.
    pub hostile: Option<&'a str>,
}

/// Five prompt weights, seven response weights, two benchmarks and their mean, with intervals.
pub const GRID: Sample<'static> = Sample {
    series: 1,
    prompts: &[0.0, 0.25, 0.5, 0.75, 1.0],
    responses: &[0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0],
    benchmarks: &["average", "ifeval", "mt_bench"],
    intervals: true,
    hostile: None,
};

/// The paper's size: fifteen grids, five benchmarks and their mean, without intervals.
pub const PAPER: Sample<'static> = Sample {
    series: 15,
    prompts: &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
    responses: &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
    benchmarks: &["average", "MMLU", "BBH", "AlpacaEval", "IFEval", "MT-Bench"],
    intervals: false,
    hostile: None,
};

const MODELS: [&str; 5] = ["Llama-3.2-1B", "Gemma-2-2B", "Llama-3.2-3B", "Mistral-7B", "Llama-3-8B"];
const DATA: [&str; 3] = ["lima", "alpaca-cleaned", "tulu-v2"];

/// A number between -1 and 1 that looks random and is always the same.
fn noise(seed: usize) -> f64 {
    (seed as f64 * 12.9898 + 4.1).sin() * 43_758.545_3 % 1.0
}

impl Sample<'_> {
    pub fn analysis(&self) -> Analysis {
        let likelihoods = if self.intervals { self.likelihoods() } else { Vec::new() };
        Analysis {
            schema: SCHEMA.to_owned(),
            level: 0.95,
            posix_mode: PosixMode::Definition,
            runs: Vec::new(),
            notes: Vec::new(),
            findings: Vec::new(),
            perturbations: Vec::new(),
            weightings: Some(self.weightings()),
            checkpoints: Vec::new(),
            likelihoods,
            scores: None,
            published: None,
        }
    }

    fn name(&self, plain: &str) -> String {
        self.hostile.map_or_else(|| plain.to_owned(), |hostile| format!("{hostile}{plain}"))
    }

    fn measure(&self, point: f64, half: f64) -> Measure {
        let interval = self.intervals.then_some(Interval {
            low: point - half,
            high: point + half,
            level: 0.95,
            method: IntervalMethod::ClusteredT,
        });
        Measure::Defined(Estimate { point, interval, standard_error: None, n: 303, clusters: 101 })
    }

    fn arms(&self) -> Vec<Arm> {
        let mut arms = Vec::new();
        for series in 0..self.series {
            let base = self.name(&format!("base-{series}"));
            let id = |weighting: Weighting| self.name(&format!("s{series}-{weighting}"));
            for prompt in self.prompts {
                for response in self.responses {
                    let Ok(weighting) = Weighting::new(*prompt, *response) else {
                        continue;
                    };
                    let is_reference = weighting == Weighting::CONVENTIONAL;
                    arms.push(Arm {
                        id: id(weighting),
                        kind: ArmKind::Weighting,
                        weighting: Some(weighting),
                        base: Some(base.clone()),
                        stage: Some("sft".to_owned()),
                        series,
                        checkpoints: vec![id(weighting)],
                        reference: (!is_reference).then(|| id(Weighting::CONVENTIONAL)),
                        base_arm: Some(base.clone()),
                    });
                }
            }
            arms.push(Arm {
                id: base,
                kind: ArmKind::Base,
                weighting: None,
                base: None,
                stage: None,
                series: self.series + series,
                checkpoints: Vec::new(),
                reference: None,
                base_arm: None,
            });
        }
        arms
    }

    fn value(arm: &Arm, place: usize, headline: Headline) -> f64 {
        let (prompt, response) = arm.weighting.map_or((0.0, 0.0), |w| (w.prompt(), w.response()));
        let wiggle = 0.03 * noise(place * 7 + arm.series * 31);
        match (headline, arm.kind) {
            (Headline::Performance, ArmKind::Base) => 0.22 + wiggle,
            (Headline::Performance, _) => 0.6 - 0.3 * (prompt - 0.3).powi(2) - 0.3 * (response - 0.5).powi(2) + wiggle,
            (_, ArmKind::Base) => 0.9 + wiggle,
            _ => 0.25 + 0.3 * response - 0.1 * prompt + wiggle,
        }
    }

    fn row(&self, arm: &Arm, place: usize) -> ArmResult {
        let measures = [Headline::Performance, Headline::Posix].into_iter().map(|headline| {
            let point = Self::value(arm, place, headline);
            let reference = if headline == Headline::Performance { 0.49 } else { 0.55 };
            let better = if headline.is_sensitivity() { reference - point } else { point - reference };
            let verdict = match better {
                _ if !self.intervals => ContrastVerdict::Unknown,
                better if better > 0.06 => ContrastVerdict::Better,
                better if better < -0.05 => ContrastVerdict::Worse,
                _ => ContrastVerdict::NotToldApart,
            };
            let against = arm.reference.as_ref().map(|with| Contrast {
                with: with.clone(),
                difference: self.measure(point - reference, 0.05),
                p_value: None,
                p_adjusted: None,
                comparisons: 34,
                verdict,
            });
            ArmMeasure {
                measure: headline,
                value: self.measure(point, 0.045),
                seed_variance: SeedVariance::NotMeasured,
                relative_gain: against.as_ref().map(|_| self.measure(point / reference - 1.0, 0.09)),
                against_reference: against,
                against_base: None,
            }
        });
        ArmResult { arm: arm.id.clone(), measures: measures.collect() }
    }

    fn weightings(&self) -> WeightingsAnalysis {
        let arms = self.arms();
        let benchmarks = self.benchmarks.iter().enumerate().map(|(number, benchmark)| {
            let rows = arms.iter().enumerate().map(|(place, arm)| self.row(arm, place + 100 * number));
            BenchmarkWeightings {
                benchmark: self.name(benchmark),
                title: self.name(benchmark),
                kind: if number == 0 { BenchmarkKind::Average } else { BenchmarkKind::Task },
                ability: None,
                metric: self.name("accuracy"),
                higher_is_better: true,
                tasks: Vec::new(),
                left_out: Vec::new(),
                rows: rows.collect(),
                best: Vec::new(),
            }
        });
        let mut benchmarks = benchmarks.collect::<Vec<_>>();
        for benchmark in &mut benchmarks {
            benchmark.best = (0..self.series).map(|series| best_set(&arms, benchmark, series)).collect();
        }
        let series = (0..self.series).map(|number| {
            let (model, data) = (MODELS[number / 3 % 5], DATA[number % 3]);
            Series { number, name: self.name(&format!("sft of {model} on {data}")), ..Series::default() }
        });
        let picture = self.picture(&arms, &benchmarks);
        WeightingsAnalysis { arms, benchmarks, not_comparable: Vec::new(), series: series.collect(), picture }
    }

    fn picture(&self, arms: &[Arm], benchmarks: &[BenchmarkWeightings]) -> Picture {
        let mut picture = Picture::default();
        for (number, benchmark) in benchmarks.iter().enumerate() {
            for set in &benchmark.best {
                picture.best_cells.push(self.best_cell(arms, benchmark, set));
                picture.gains.push(self.gain(benchmark, set, number));
                picture.fronts.push(front(arms, benchmark, set.series, self.intervals));
                picture.weight_effects.extend(
                    [WeightAxis::Response, WeightAxis::Prompt].map(|axis| self.effect(benchmark, set.series, axis)),
                );
            }
            picture.mean_gains.push(MeanGain {
                benchmark: benchmark.benchmark.clone(),
                stage: Some("sft".to_owned()),
                relative: self.measure(0.0655 + 0.01 * number as f64, 0.02),
                series: self.series,
                as_given: None,
            });
            picture.correlations.extend(self.correlations(&benchmark.benchmark, number));
        }
        for series in 0..self.series {
            if let [_, adherence, conversation, ..] = benchmarks {
                picture.trade_offs.push(self.trade_off(arms, adherence, conversation, series));
            }
            if self.intervals {
                picture.variance.extend(benchmarks.iter().map(|benchmark| self.variance(benchmark, series)));
            }
        }
        let preference =
            arms.iter().filter(|arm| arm.series == 0 && arm.kind == ArmKind::Weighting).take(24).enumerate();
        picture.preference_gains = preference
            .map(|(place, arm)| PreferenceGain {
                benchmark: self.name(self.benchmarks[0]),
                measure: Headline::Performance,
                arm: arm.id.clone(),
                before: arm.id.clone(),
                value: self.measure(0.55 + 0.1 * noise(place), 0.03),
                value_before: self.measure(0.5 + 0.05 * noise(place + 50), 0.03),
                difference: self.measure(0.05, 0.02),
                relative: self.measure(0.1, 0.04),
            })
            .collect();
        picture
    }

    fn best_cell(&self, arms: &[Arm], benchmark: &BenchmarkWeightings, set: &BestSet) -> BestCell {
        let weighting = arms.iter().find(|arm| arm.id == set.best).and_then(|arm| arm.weighting);
        BestCell {
            series: set.series,
            benchmark: benchmark.benchmark.clone(),
            measure: set.measure,
            arm: set.best.clone(),
            weighting: weighting.unwrap_or(Weighting::CONVENTIONAL),
            value: self.measure(0.6, 0.03),
            tied: Vec::new(),
            not_worse: self.intervals.then(|| set.not_worse.clone()),
            cells: set.arms,
        }
    }

    fn gain(&self, benchmark: &BenchmarkWeightings, set: &BestSet, number: usize) -> Gain {
        Gain {
            series: set.series,
            benchmark: benchmark.benchmark.clone(),
            arm: set.best.clone(),
            reference: self.name(&format!("s{}-p0-r1", set.series)),
            arm_value: self.measure(0.6, 0.03),
            reference_value: self.measure(0.49, 0.03),
            relative: self.measure(0.07 + 0.06 * noise(set.series * 13 + number), 0.05),
            chosen_from: set.arms,
            as_given: None,
        }
    }

    fn effect(&self, benchmark: &BenchmarkWeightings, series: usize, axis: WeightAxis) -> WeightEffect {
        let weights = if axis == WeightAxis::Prompt { self.prompts } else { self.responses };
        let slope = if axis == WeightAxis::Prompt { -0.1 } else { 0.3 };
        let levels = weights.iter().enumerate().map(|(place, weight)| WeightLevel {
            weight: *weight,
            value: self.measure(0.4 + slope * weight + 0.02 * noise(place + series), 0.04),
            arms: 6,
        });
        WeightEffect {
            series,
            benchmark: benchmark.benchmark.clone(),
            measure: Headline::Posix,
            axis,
            levels: levels.collect(),
            slope: self.measure(slope, 0.05),
            correlation: self.measure(slope.signum() * 0.8, 0.1),
        }
    }

    fn trade_off(
        &self,
        arms: &[Arm],
        adherence: &BenchmarkWeightings,
        conversation: &BenchmarkWeightings,
        series: usize,
    ) -> TradeOff {
        let tuned = arms.iter().filter(|arm| arm.series == series).collect::<Vec<_>>();
        let points = tuned.iter().enumerate().map(|(place, arm)| TradeOffPoint {
            arm: arm.id.clone(),
            adherence: self.measure(Self::value(arm, place, Headline::Performance), 0.04),
            conversation: self.measure(Self::value(arm, place + 9, Headline::Posix), 0.04),
        });
        TradeOff {
            series,
            adherence: adherence.benchmark.clone(),
            conversation: conversation.benchmark.clone(),
            points: points.collect(),
            best_adherence: tuned[tuned.len() / 2].id.clone(),
            best_conversation: tuned[tuned.len() - 1].id.clone(),
            correlation: self.measure(-0.4, 0.3),
        }
    }

    fn correlations(&self, benchmark: &str, number: usize) -> Vec<CharacteristicCorrelation> {
        let names = ["generation_ratio", "prompt_length", "ngram_diversity", "prompt_log_prob", "model_size"];
        let rows = names.iter().enumerate().map(|(place, characteristic)| {
            let rho = 0.6 * noise(place * 5 + number);
            CharacteristicCorrelation {
                characteristic: self.name(characteristic),
                benchmark: if number == 0 { "all".to_owned() } else { benchmark.to_owned() },
                spearman: self.measure(rho, 0.3),
                spearman_p: Some(0.04),
                kendall: self.measure(rho * 0.8, 0.3),
                kendall_p: Some(0.05),
                p_adjusted: Some(0.2),
            }
        });
        rows.collect()
    }

    fn variance(&self, benchmark: &BenchmarkWeightings, series: usize) -> VarianceDecomposition {
        let share = |source, share: f64| VarianceShare { source, variance: self.measure(share / 4.0, 0.01), share };
        VarianceDecomposition {
            series,
            benchmark: benchmark.benchmark.clone(),
            components: vec![
                share(VarianceSource::Item, 0.52),
                share(VarianceSource::Variant, 0.03),
                share(VarianceSource::ItemByVariant, 0.16),
                share(VarianceSource::Seed, 0.01),
                share(VarianceSource::Weighting, 0.06),
                share(VarianceSource::Residual, 0.22),
            ],
            left_out: Vec::new(),
        }
    }

    fn likelihoods(&self) -> Vec<LikelihoodAnalysis> {
        let mut all = Vec::new();
        for (number, checkpoint) in
            ["base", "p0-r1", "p0.4-r0.6", "p1-r1", "p0.2-r0.2", "p1-r0", "p0.6-r1", "p0.8-r0.4"].iter().enumerate()
        {
            for part in [TextPart::Prompt, TextPart::Response] {
                let middle = -2.6 + 0.17 * number as f64 + if part == TextPart::Response { 0.6 } else { 0.0 };
                let grid = (0..160).map(|k| -5.0 + 0.03 * f64::from(k));
                let density = grid.map(|x| [x, 0.9 * (-(x - middle).powi(2) / 0.4).exp()]);
                all.push(LikelihoodAnalysis {
                    checkpoint: self.name(checkpoint),
                    source: self.name("instructions"),
                    part,
                    mean: self.measure(middle, 0.08),
                    quantiles: Vec::new(),
                    density: density.collect(),
                    failed: Vec::new(),
                });
            }
        }
        all
    }
}

/// The best of a series by performance, and those within 0.05 of it.
fn best_set(arms: &[Arm], benchmark: &BenchmarkWeightings, series: usize) -> BestSet {
    let points = performance(arms, benchmark, series);
    let best = points.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(id, point)| ((*id).to_owned(), *point));
    let (best, top) = best.unwrap_or_default();
    let not_worse = points.iter().filter(|(_, point)| **point > top - 0.05).map(|(id, _)| (*id).to_owned());
    BestSet { series, measure: Headline::Performance, best, not_worse: not_worse.collect(), arms: points.len() }
}

fn performance<'a>(arms: &'a [Arm], benchmark: &'a BenchmarkWeightings, series: usize) -> BTreeMap<&'a str, f64> {
    let of_series = arms.iter().filter(|arm| arm.series == series && arm.kind == ArmKind::Weighting);
    of_series
        .filter_map(|arm| Some((arm.id.as_str(), measure(benchmark, &arm.id, Headline::Performance)?.point)))
        .collect()
}

fn measure<'a>(benchmark: &'a BenchmarkWeightings, arm: &str, headline: Headline) -> Option<&'a Estimate> {
    benchmark.rows.iter().find(|row| row.arm == arm)?.measure(headline)?.value.estimate()
}

fn front(arms: &[Arm], benchmark: &BenchmarkWeightings, series: usize, intervals: bool) -> Front {
    let both = |id: &str| {
        Some((measure(benchmark, id, Headline::Performance)?.point, measure(benchmark, id, Headline::Posix)?.point))
    };
    let members = arms.iter().filter(|arm| arm.series == series && arm.kind == ArmKind::Weighting);
    let members = members.filter_map(|arm| Some((arm.id.clone(), both(&arm.id)?))).collect::<Vec<_>>();
    let beaten = |margin: f64, (up, across): (f64, f64)| {
        members.iter().any(|(_, (other_up, other_across))| *other_up > up + margin && *other_across < across - margin)
    };
    let kept = |margin: f64| {
        members.iter().filter(|(_, at)| !beaten(margin, *at)).map(|(id, _)| id.clone()).collect::<Vec<_>>()
    };
    let mut front = kept(0.0);
    front.sort_by(|a, b| both(b).unwrap_or_default().0.total_cmp(&both(a).unwrap_or_default().0));
    Front {
        series,
        benchmark: benchmark.benchmark.clone(),
        sensitivity: Headline::Posix,
        front,
        not_excluded: intervals.then(|| kept(0.04)),
    }
}
