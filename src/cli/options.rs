//! Flags that several verbs share. Those that lm-evaluation-harness has too keep its names.

mod network;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::progress::note;
use crate::analyze::AnalyzeOptions;
use crate::analyze::analysis::PerturbationNote;
use crate::data::{Catalog, InstanceOptions, Limit, paraphrases};
use crate::instance::Presentation;
use crate::perturb::paraphrase::user::UserParaphrases;
use crate::perturb::{PerturbationKind, PerturbationSpec, Perturber, parse_specs};
use crate::report::Format;
use crate::report::text::visible_line;
use crate::request::{Decoding, Sampling};
use crate::sensitivity::PosixMode;
use crate::task::VerifierMode;

pub(super) use network::{BatchSize, DtypeChoice, NetworkArgs, bytes_words};

/// Which tasks, from where.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Tasks")]
pub(super) struct TaskArgs {
    /// Tasks, groups or tags, separated by commas; `*` matches any text (see `wit-eval list`)
    #[arg(long, alias = "task", value_name = "LIST", default_value = "wit_default")]
    pub tasks: String,
    /// Folder of the benchmarks' official data, for tasks that ship without (mmlu, bbh)
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Further folder of task files (lm-evaluation-harness YAML); its tasks win over those that ship. Repeatable
    #[arg(long = "include_path", alias = "include-path", value_name = "DIR")]
    pub include_path: Vec<PathBuf>,
    /// Instances of each task: a count, or a share below 1
    #[arg(long, value_name = "N")]
    pub limit: Option<Limit>,
    /// Solved examples before each question, in place of the task's own number
    #[arg(long = "num_fewshot", alias = "num-fewshot", value_name = "N")]
    pub num_fewshot: Option<usize>,
    /// Seed of few-shot sampling
    #[arg(long = "fewshot_seed", alias = "fewshot-seed", value_name = "N", default_value_t = 1234)]
    pub fewshot_seed: u64,
    /// How IFEval's instructions are verified where programs differ
    #[arg(long = "ifeval_mode", alias = "ifeval-mode", value_enum, default_value_t = VerifierChoice::Official)]
    pub ifeval_mode: VerifierChoice,
    /// System instruction put before every prompt
    #[arg(long = "system_instruction", alias = "system-instruction", value_name = "TEXT")]
    pub system_instruction: Option<String>,
}

/// Which perturbations.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Perturbations")]
pub(super) struct PerturbationArgs {
    /// Perturbations, separated by commas: NAME, NAME:DRAWS, NAME@STRENGTH, NAME@STRENGTH:DRAWS; `all`, or `none`
    #[arg(long, value_name = "LIST", default_value = "all")]
    pub perturbations: String,
    /// Paraphrases made elsewhere (our JSONL, ProSA's or the multi-prompt layout); used before our own. Repeatable
    #[arg(long, value_name = "PATH")]
    pub paraphrases: Vec<PathBuf>,
    /// Seed of perturbations and sampling
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// How reports are made.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Report")]
pub(super) struct ReportOptions {
    /// POSIX by its definition, or as its published package computes it
    #[arg(long = "posix_mode", alias = "posix-mode", value_enum, default_value_t = PosixChoice::Definition)]
    pub posix_mode: PosixChoice,
    /// Coverage of intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = level)]
    pub level: f64,
    /// Flipped instances shown for each checkpoint and task
    #[arg(long = "show_flipped", alias = "show-flipped", value_name = "N", default_value_t = 3)]
    pub show_flipped: usize,
    /// What is printed to standard output: terminal, markdown, json, csv or html
    #[arg(long, value_name = "FORMAT", default_value_t = Format::Terminal)]
    pub format: Format,
    /// Do not draw the report's figures as SVG and PNG files (figures/ beside the report)
    #[arg(long = "no_figures", alias = "no-figures")]
    pub no_figures: bool,
}

/// Spelling of [`PosixMode`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PosixChoice {
    /// |log P(reply j | prompt i) - log P(reply j | prompt j)| / length of reply j, averaged over pairs
    Definition,
    /// As the package prompt-sensitivity-index computes it, for comparison with numbers made with it
    Lib,
}

impl From<PosixChoice> for PosixMode {
    fn from(choice: PosixChoice) -> Self {
        match choice {
            PosixChoice::Definition => Self::Definition,
            PosixChoice::Lib => Self::Lib,
        }
    }
}

/// Spelling of [`VerifierMode`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum VerifierChoice {
    /// As the benchmark's own program, made deterministic
    Official,
    /// As lm-evaluation-harness
    LmEval,
    /// With the known defects mended
    Fixed,
}

impl From<VerifierChoice> for VerifierMode {
    fn from(choice: VerifierChoice) -> Self {
        match choice {
            VerifierChoice::Official => Self::Official,
            VerifierChoice::LmEval => Self::LmEval,
            VerifierChoice::Fixed => Self::Fixed,
        }
    }
}

/// A count that must not be 0.
pub(super) fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "write a whole number above 0".to_owned())
}

pub(super) fn level(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(level) if level > 0.5 && level < 1.0 => Ok(level),
        _ => Err("write a number above 0.5 and below 1, such as 0.95".to_owned()),
    }
}

fn perturbation_note(kind: PerturbationKind) -> PerturbationNote {
    let info = kind.info();
    PerturbationNote { name: kind.to_string(), summary: info.summary.to_owned(), keeps: info.keeps.to_owned() }
}

impl ReportOptions {
    /// The options of an analysis.
    pub(super) fn analyze_options(&self) -> AnalyzeOptions {
        AnalyzeOptions {
            level: self.level,
            posix_mode: self.posix_mode.into(),
            flipped_per_task: self.show_flipped,
            notes: PerturbationKind::ALL.map(perturbation_note).into(),
            characteristics: Vec::new(),
        }
    }
}

impl PerturbationArgs {
    /// The perturbations asked for.
    pub(super) fn specs(&self) -> anyhow::Result<Vec<PerturbationSpec>> {
        parse_specs(&self.perturbations).context("--perturbations")
    }

    /// The perturbations with their data, the user's paraphrases included.
    pub(super) fn perturber(&self) -> anyhow::Result<Perturber> {
        let perturber = Perturber::embedded()?;
        let mut user = UserParaphrases::default();
        for path in &self.paraphrases {
            user.extend(load_paraphrases(path)?);
        }
        Ok(perturber.with_user_paraphrases(user))
    }
}

/// Refused rows of a paraphrase file that are shown one by one.
const REFUSALS_SHOWN: usize = 5;

/// Reads a paraphrase file and says on standard error what of it cannot be used.
pub(super) fn load_paraphrases(path: &Path) -> anyhow::Result<UserParaphrases> {
    let user = paraphrases::load(path)?;
    let refused = user.refused();
    if !refused.is_empty() {
        note(false, &format!("{}: {} rows cannot be used:", path.display(), refused.len()));
        for refusal in refused.iter().take(REFUSALS_SHOWN) {
            note(false, &visible_line(&format!("  {}: {}", refusal.place, refusal.reason)));
        }
    }
    Ok(user)
}

/// Reads `--gen_kwargs` as lm-evaluation-harness writes it (`temperature=0.7,max_gen_toks=64`) and applies it. An
/// explicit `do_sample` decides whether tokens are drawn; without one a temperature above 0 does.
pub(super) fn override_decoding(decoding: &Decoding, gen_kwargs: &str, seed: u64) -> anyhow::Result<Decoding> {
    let mut decoding = decoding.clone();
    let (mut temperature, mut top_p, mut top_k) = match decoding.sampling {
        Sampling::Greedy => (None, 1.0, None),
        Sampling::Random { temperature, top_p, top_k, .. } => (Some(temperature), top_p, top_k),
    };
    let mut asked_to_sample = None;
    for pair in gen_kwargs.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').with_context(|| format!("--gen_kwargs: `{pair}` is not KEY=VALUE"))?;
        let wrong = || format!("--gen_kwargs: `{value}` is no value for {key}");
        match key.trim() {
            "max_gen_toks" | "max_new_tokens" | "max_tokens" => {
                decoding.max_new_tokens = positive(value).map_err(|_| anyhow::anyhow!(wrong()))?;
            }
            "temperature" => {
                let number = value.parse::<f64>().with_context(wrong)?;
                anyhow::ensure!(number.is_finite() && number >= 0.0, wrong());
                temperature = Some(number);
            }
            "top_p" => {
                top_p = value.parse::<f64>().with_context(wrong)?;
                anyhow::ensure!(top_p > 0.0 && top_p <= 1.0, wrong());
            }
            "top_k" => top_k = Some(value.parse::<usize>().with_context(wrong)?).filter(|k| *k > 0),
            "do_sample" => {
                asked_to_sample = Some(value.to_ascii_lowercase().parse::<bool>().with_context(wrong)?);
            }
            "until" => decoding.stop = stop_strings(value),
            other => anyhow::bail!(
                "--gen_kwargs: `{other}` is not supported; supported are max_gen_toks, temperature, top_p, top_k, do_sample, until"
            ),
        }
    }
    let warm = temperature.filter(|temperature| *temperature > 0.0);
    decoding.sampling = if asked_to_sample.unwrap_or(warm.is_some()) {
        Sampling::Random { temperature: warm.unwrap_or(1.0), top_p, top_k, seed }
    } else {
        Sampling::Greedy
    };
    Ok(decoding)
}

/// One stop string, or several as a JSON list.
fn stop_strings(value: &str) -> Vec<String> {
    serde_json::from_str(value).unwrap_or_else(|_| vec![unescape(value)])
}

/// A shell cannot write a line break easily, so `\n` and `\t` stand for one.
fn unescape(value: &str) -> String {
    value.replace("\\n", "\n").replace("\\t", "\t")
}

impl TaskArgs {
    /// The tasks that ship, and those of the include paths.
    pub(super) fn catalog(&self) -> anyhow::Result<Catalog> {
        Ok(Catalog::load(&self.include_path)?)
    }

    /// How instances are made.
    pub(super) fn instance_options(&self, presentation: Presentation) -> InstanceOptions<'_> {
        InstanceOptions {
            data_dir: self.data.as_deref(),
            limit: self.limit,
            num_fewshot: self.num_fewshot,
            fewshot_seed: self.fewshot_seed,
            system_instruction: self.system_instruction.clone(),
            samples: None,
            presentation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greedy() -> Decoding {
        Decoding { max_new_tokens: 8, stop: vec![], sampling: Sampling::Greedy, sample: 0 }
    }

    #[test]
    fn gen_kwargs_reads_what_lm_eval_writes_and_refuses_the_rest_by_name() {
        let decoding = override_decoding(&greedy(), "temperature=0.7,top_p=0.9,max_gen_toks=64,until=\\n\\n", 3).ok();
        let sampling = Sampling::Random { temperature: 0.7, top_p: 0.9, top_k: None, seed: 3 };
        assert_eq!(decoding, Some(Decoding { max_new_tokens: 64, stop: vec!["\n\n".into()], sampling, sample: 0 }));
        let error = override_decoding(&greedy(), "beams=4", 0).map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| error.contains("`beams` is not supported")));
        assert!(override_decoding(&greedy(), "temperature=-1", 0).is_err());
        let listed = override_decoding(&greedy(), "until=[\"\\n\"]", 0).ok().map(|decoding| decoding.stop);
        assert_eq!(listed, Some(vec!["\n".to_owned()]));
        for still_greedy in ["temperature=0", "temperature=0.7,do_sample=False", "do_sample=false,temperature=0.7", ""]
        {
            assert_eq!(override_decoding(&greedy(), still_greedy, 0).ok(), Some(greedy()), "{still_greedy}");
        }
        for wrong in ["do_sample=yes", "max_gen_toks=0", "top_p=2", "temperature"] {
            assert!(override_decoding(&greedy(), wrong, 0).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_seed_reaches_sampling_that_a_task_asks_for() {
        let sampling = |seed| Sampling::Random { temperature: 0.5, top_p: 1.0, top_k: None, seed };
        let task = Decoding { sampling: sampling(0), ..greedy() };
        let seeded = override_decoding(&task, "", 7).ok();
        assert_eq!(seeded, Some(Decoding { sampling: sampling(7), ..greedy() }));
    }
}
