//! Turns `filter_list` and `metric_list` into typed filters and metrics.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_yaml_ng::{Mapping, Value};

use super::error::did_you_mean;
use super::wire::{OneOrMany, Scalar, WireAggregate, WireFilterArguments, WireMetric, WirePipeline};
use crate::scoring::Pattern;
use crate::task::{
    Aggregation, FilterPipeline, FilterStep, GroupAggregate, Metric, MetricSpec, MultiChoiceRegexFilter, OutputType,
    RegexFilter, Scorer,
};

/// Functions that `filter_list` may name.
const FUNCTIONS: [&str; 10] = [
    "regex",
    "multi_choice_regex",
    "take_first",
    "take_first_k",
    "lowercase",
    "uppercase",
    "remove_whitespace",
    "map",
    "wit_trim",
    "wit_strip_period",
];
/// What `regex` looks for if the task does not say.
const DEFAULT_PATTERN: &str = r"#### (\-?[0-9\.\,]+)";
/// What a filter answers if it finds nothing and the task does not say.
const DEFAULT_FALLBACK: &str = "[invalid]";
/// Patterns that were compiled before.
static VALID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
/// Longest pattern.
const MAX_PATTERN_BYTES: usize = 8 << 10;

/// `filter_list`, or the pipeline that stands for its absence.
pub(super) fn pipelines(wire: Option<Vec<WirePipeline>>) -> Result<Vec<FilterPipeline>, String> {
    let Some(wire) = wire else {
        return Ok(vec![FilterPipeline { name: "none".to_owned(), steps: vec![FilterStep::TakeFirst] }]);
    };
    let mut pipelines: Vec<FilterPipeline> = Vec::new();
    for pipeline in wire {
        if pipelines.iter().any(|other| other.name == pipeline.name) {
            return Err(format!("two pipelines are named `{}`", pipeline.name));
        }
        let steps = pipeline.filter.into_iter().map(step).collect::<Result<_, _>>();
        let steps = steps.map_err(|message| format!("pipeline `{}`: {message}", pipeline.name))?;
        pipelines.push(FilterPipeline { name: pipeline.name, steps });
    }
    if pipelines.is_empty() { Err("at least one pipeline is needed".to_owned()) } else { Ok(pipelines) }
}

fn step(mut wire: Mapping) -> Result<FilterStep, String> {
    let Some(Value::String(function)) = wire.remove("function") else {
        return Err("a filter needs `function: NAME`".to_owned());
    };
    if let Some(nested) = wire.remove("kwargs") {
        let Value::Mapping(nested) = nested else { return Err(format!("`kwargs` of `{function}` must be a table")) };
        wire.extend(nested);
    }
    let arguments = WireFilterArguments::deserialize(Value::Mapping(wire)).map_err(|e| format!("`{function}`: {e}"))?;
    let built = match function.as_str() {
        "regex" => FilterStep::Regex(RegexFilter {
            pattern: pattern(arguments.regex_pattern)?,
            group_select: arguments.group_select.unwrap_or(0),
            fallback: arguments.fallback.unwrap_or_else(|| DEFAULT_FALLBACK.to_owned()),
        }),
        "multi_choice_regex" => multi_choice(arguments)?,
        "take_first" => FilterStep::TakeFirst,
        "take_first_k" if arguments.k == Some(1) => FilterStep::TakeFirst,
        "take_first_k" => return Err("`take_first_k` needs repeated answers; only k: 1 is supported".to_owned()),
        "lowercase" => FilterStep::Lowercase,
        "uppercase" => FilterStep::Uppercase,
        "remove_whitespace" => FilterStep::RemoveWhitespace,
        "map" => FilterStep::Map {
            mapping: arguments
                .mapping_dict
                .ok_or("`map` needs `mapping_dict`")?
                .into_iter()
                .map(|(key, value)| (key, value.into_text()))
                .collect(),
            default: arguments.default_value.map(Scalar::into_text),
        },
        "wit_trim" => FilterStep::Trim,
        "wit_strip_period" => FilterStep::StripPeriod,
        other => {
            let hint = did_you_mean(other, FUNCTIONS.into_iter());
            return Err(format!("filter `{other}` is not supported{hint}; supported: {}", FUNCTIONS.join(", ")));
        }
    };
    Ok(built)
}

fn multi_choice(arguments: WireFilterArguments) -> Result<FilterStep, String> {
    let regexes_to_ignore = arguments.regexes_to_ignore.unwrap_or_default();
    regexes_to_ignore.iter().try_for_each(|pattern| compile(pattern))?;
    Ok(FilterStep::MultiChoiceRegex(MultiChoiceRegexFilter {
        pattern: pattern(arguments.regex_pattern)?,
        group_select: arguments.group_select.unwrap_or(0),
        fallback: arguments.fallback.unwrap_or_else(|| DEFAULT_FALLBACK.to_owned()),
        ignore_case: arguments.ignore_case.unwrap_or(false),
        ignore_punctuation: arguments.ignore_punctuation.unwrap_or(false),
        regexes_to_ignore,
    }))
}

fn pattern(wire: Option<String>) -> Result<String, String> {
    let pattern = wire.unwrap_or_else(|| DEFAULT_PATTERN.to_owned());
    compile(&pattern).map(|()| pattern)
}

fn compile(pattern: &str) -> Result<(), String> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!("a pattern is longer than {MAX_PATTERN_BYTES} bytes"));
    }
    // Tasks of one family share their patterns; compiling one takes longer than all else that a file needs.
    let mut valid = VALID.lock().unwrap_or_else(PoisonError::into_inner);
    if !valid.contains(pattern) {
        Pattern::new(pattern).map_err(|error| error.to_string())?;
        valid.insert(pattern.to_owned());
    }
    Ok(())
}

/// `metric_list`, or the usual metrics of the output type.
pub(super) fn metrics(
    wire: Option<Vec<WireMetric>>,
    output: &OutputType,
    scorer: Scorer,
) -> Result<Vec<MetricSpec>, String> {
    let Some(wire) = wire else {
        return Ok(allowed(output, scorer).1.iter().copied().map(MetricSpec::new).collect());
    };
    let mut specs: Vec<MetricSpec> = Vec::new();
    for metric in wire {
        let spec = metric_spec(metric, output, scorer)?;
        if specs.iter().any(|other| other.metric == spec.metric) {
            return Err(format!("metric `{}` is listed twice", spec.metric));
        }
        specs.push(spec);
    }
    if specs.is_empty() { Err("at least one metric is needed".to_owned()) } else { Ok(specs) }
}

/// Metrics that make sense for an output type, and those that stand for an absent list.
fn allowed(output: &OutputType, scorer: Scorer) -> (&'static [Metric], &'static [Metric]) {
    const ROLLING: &[Metric] = &[Metric::WordPerplexity, Metric::BytePerplexity, Metric::BitsPerByte];
    const VERIFIED: &[Metric] = &[
        Metric::PromptLevelStrictAcc,
        Metric::InstLevelStrictAcc,
        Metric::PromptLevelLooseAcc,
        Metric::InstLevelLooseAcc,
    ];
    const COMPARED: &[Metric] = &[Metric::WinRate, Metric::DiscreteWinRate];
    match scorer {
        Scorer::Targets => {}
        Scorer::Instructions(_) | Scorer::Dialogue => return (VERIFIED, VERIFIED),
        Scorer::MtBench => return (&[Metric::Rating], &[Metric::Rating]),
        Scorer::MtBenchPair => return (&[Metric::WinRate], &[Metric::WinRate]),
        Scorer::AlpacaEval => return (COMPARED, COMPARED),
    }
    match output {
        OutputType::MultipleChoice => {
            (&[Metric::Acc, Metric::AccNorm, Metric::ExactMatch], &[Metric::Acc, Metric::AccNorm])
        }
        OutputType::LogLikelihood => (&[Metric::Acc, Metric::Perplexity], &[Metric::Perplexity, Metric::Acc]),
        OutputType::GenerateUntil(_) => (&[Metric::ExactMatch], &[Metric::ExactMatch]),
        OutputType::LogLikelihoodRolling => (ROLLING, ROLLING),
    }
}

fn metric_spec(wire: WireMetric, output: &OutputType, scorer: Scorer) -> Result<MetricSpec, String> {
    let metric = metric_named(&wire.metric)?;
    let (fitting, _) = allowed(output, scorer);
    if !fitting.contains(&metric) {
        let fitting: Vec<&str> = fitting.iter().map(|metric| metric.as_str()).collect();
        return Err(format!("metric `{metric}` does not fit output type {output}; possible: {}", fitting.join(", ")));
    }
    let aggregation = aggregation(metric, wire.aggregation.as_deref())?;
    wire.regexes_to_ignore.iter().try_for_each(|pattern| compile(pattern))?;
    Ok(MetricSpec {
        metric,
        aggregation,
        higher_is_better: wire.higher_is_better.unwrap_or_else(|| metric.higher_is_better()),
        ignore_case: wire.ignore_case,
        ignore_punctuation: wire.ignore_punctuation,
        ignore_numbers: wire.ignore_numbers,
        regexes_to_ignore: wire.regexes_to_ignore,
    })
}

fn metric_named(name: &str) -> Result<Metric, String> {
    Metric::from_name(name).ok_or_else(|| {
        let known = Metric::ALL.map(Metric::as_str);
        let hint = did_you_mean(name, known.into_iter());
        format!("metric `{name}` is not supported{hint}; supported: {}", known.join(", "))
    })
}

fn aggregation(metric: Metric, wire: Option<&str>) -> Result<Aggregation, String> {
    let usual = metric.default_aggregation();
    match wire {
        None => Ok(usual),
        Some(name) if name == usual.as_str() => Ok(usual),
        Some(name) => Err(format!("metric `{metric}` is combined by `{}`; `{name}` is not supported", usual.as_str())),
    }
}

/// `aggregate_metric_list` of a group.
pub(super) fn aggregates(wire: Option<OneOrMany<WireAggregate>>) -> Result<Vec<GroupAggregate>, String> {
    let mut aggregates = Vec::new();
    for entry in wire.map(OneOrMany::into_vec).unwrap_or_default() {
        if let Some(other) = entry.aggregation.as_deref().filter(|aggregation| *aggregation != "mean") {
            return Err(format!("groups are combined by `mean`; `{other}` is not supported"));
        }
        aggregates.push(GroupAggregate {
            metric: metric_named(&entry.metric)?,
            weight_by_size: entry.weight_by_size.unwrap_or(true),
            filters: entry.filter_list.map(OneOrMany::into_vec).unwrap_or_default(),
        });
    }
    Ok(aggregates)
}
