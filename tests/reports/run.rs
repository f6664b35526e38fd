//! A made-up run: two checkpoints, three tasks, seven perturbations.

use std::collections::BTreeMap;

use wit_eval::analyze::analysis::{Analysis, PerturbationNote};
use wit_eval::analyze::{AnalyzeError, AnalyzeOptions, RunInputs, analyze};
use wit_eval::digest::Digest;
use wit_eval::instance::{Expectation, Presentation};
use wit_eval::record::{PlanRecord, Purpose, ScoreRecord, SkippedVariant};
use wit_eval::request::{Continuation, Decoding, Prompt, Request, Sampling};
use wit_eval::response::{ContinuationLogProb, FinishReason, Generation, Response};
use wit_eval::score::Score;
use wit_eval::seed::Seed;
use wit_eval::store::{CheckpointEntry, MANIFEST_FORMAT, Manifest, PosixSettings, RunSettings};
use wit_eval::task::{
    FilterPipeline, Group, GroupAggregate, Member, Metric, MetricSpec, OutputType, Scorer, Task, TaskProfile,
};
use wit_eval::variant::VariantId;
use wit_eval::weighting::Weighting;

/// Everything that could act on a reader's terminal, browser, spreadsheet or forge.
pub const HOSTILE: &str = "</pre><script>alert(1)</script> <img src=x onerror=alert(2)> {{ 7*7 }} {% include 'x' %} | `code` \
                       ``` [link](javascript:alert(3)) @everyone #1 =HYPERLINK(\"http://example.invalid\") \u{1b}[31mred\u{1b}[0m \
                       \u{202e}txt.exe\u{202c} nul\u{0}bell\u{7} \u{9b}2J \u{200b}zero &amp; \"quotes\" '";

const PERTURBATIONS: [(&str, usize); 7] = [
    ("whitespace", 2),
    ("format", 3),
    ("paraphrase", 2),
    ("typo", 2),
    ("casing", 1),
    ("punctuation", 1),
    ("option_order", 2),
];

/// A run's files, in memory.
pub struct Run {
    pub manifest: Manifest,
    pub plan: Vec<PlanRecord>,
    pub skipped: Vec<SkippedVariant>,
    pub scores: Vec<ScoreRecord>,
    pub responses: BTreeMap<(String, Digest), Response>,
}

impl Run {
    pub fn analyze_with(&self, options: &AnalyzeOptions) -> Result<Analysis, AnalyzeError> {
        let response_of = |checkpoint: &str, request: &Request| {
            let key = (checkpoint.to_owned(), Digest::of_json(request).expect("a request has a digest"));
            self.responses.get(&key)
        };
        let inputs = RunInputs {
            name: "demo",
            manifest: &self.manifest,
            plan: &self.plan,
            skipped: &self.skipped,
            scores: &self.scores,
            judged_by: None,
            response_of: &response_of,
        };
        analyze(&[inputs], options)
    }

    pub fn analyze(&self) -> Analysis {
        let note = |(name, _): &(&str, usize)| PerturbationNote {
            name: (*name).to_owned(),
            summary: format!("Changes {name}."),
            keeps: "What is asked.".to_owned(),
        };
        let options = AnalyzeOptions { notes: PERTURBATIONS.iter().map(note).collect(), ..AnalyzeOptions::default() };
        self.analyze_with(&options).expect("the run analyzes")
    }
}

/// A number in [0, 1) that depends on the words only.
pub fn chance_of(words: &[&str]) -> f64 {
    let digest = Digest::of_bytes(words.join("\u{1}").as_bytes());
    f64::from(u32::from_str_radix(&digest.as_str()[..7], 16).expect("seven hexadecimal digits"))
        / f64::from(0x1000_0000)
}

pub fn task(name: &str, output: OutputType, filters: &[&str], metrics: &[Metric]) -> Task {
    Task {
        name: name.to_owned(),
        alias: None,
        tags: Vec::new(),
        version: "1".to_owned(),
        output,
        filters: filters.iter().map(|name| FilterPipeline { name: (*name).to_owned(), steps: Vec::new() }).collect(),
        metrics: metrics.iter().map(|metric| MetricSpec::new(*metric)).collect(),
        num_fewshot: 0,
        repeats: 1,
        scorer: Scorer::Targets,
        profile: TaskProfile::default(),
    }
}

pub fn decoding() -> Decoding {
    Decoding { max_new_tokens: 16, stop: vec!["\n\n".to_owned()], sampling: Sampling::Greedy, sample: 0 }
}

pub fn checkpoint(label: &str, weighting: Option<Weighting>) -> CheckpointEntry {
    CheckpointEntry {
        label: label.to_owned(),
        digest: Digest::of_bytes(label.as_bytes()),
        architecture: "llama, 4 layers, width 128".to_owned(),
        parameters: 3_213_440,
        weighting,
        weighting_source: "wit.json".to_owned(),
        base: Some("tinystories-3m".to_owned()),
        stage: Some("sft".to_owned()),
        training_seed: Some(7),
        data_digest: None,
    }
}

pub fn manifest() -> Manifest {
    let perturbations = PERTURBATIONS.iter().map(|(name, draws)| format!("{name}@default:{draws}")).collect();
    Manifest {
        format: MANIFEST_FORMAT,
        program: "wit-eval 0.1.0".to_owned(),
        settings: RunSettings {
            tasks: "mmlu_anatomy,bbh_zeroshot_navigate,wit_text".to_owned(),
            perturbations,
            seed: Seed(42),
            fewshot_seed: 1234,
            limit: Some(40.0),
            num_fewshot: None,
            presentation: Presentation::Chat,
            system_instruction: None,
            gen_kwargs: None,
            posix: Some(PosixSettings { instances_per_task: 20, max_new_tokens: 16 }),
            likelihood: None,
        },
        checkpoints: vec![
            checkpoint("p0-r1", Weighting::new(0.0, 1.0).ok()),
            checkpoint("p0.4-r0.6", Weighting::new(0.4, 0.6).ok()),
        ],
        tasks: vec![
            task("mmlu_anatomy", OutputType::MultipleChoice, &["none"], &[Metric::Acc, Metric::AccNorm]),
            task(
                "bbh_zeroshot_navigate",
                OutputType::GenerateUntil(decoding()),
                &["flexible-extract", "strict-match"],
                &[Metric::ExactMatch],
            ),
            task("wit_text", OutputType::LogLikelihoodRolling, &["none"], &[Metric::WordPerplexity]),
        ],
        groups: vec![Group {
            name: "mmlu".to_owned(),
            alias: None,
            version: None,
            purpose: String::new(),
            members: vec![Member::Task("mmlu_anatomy".to_owned())],
            aggregates: vec![GroupAggregate { metric: Metric::Acc, weight_by_size: true, filters: Vec::new() }],
        }],
        plan: Digest::of_bytes(b"plan"),
    }
}

fn variants() -> Vec<VariantId> {
    let drawn = PERTURBATIONS.iter().flat_map(|(name, draws)| {
        (0..*draws).map(|draw| VariantId { perturbation: (*name).to_owned(), strength: "default".to_owned(), draw })
    });
    std::iter::once(VariantId::original()).chain(drawn).collect()
}

/// Words of a question; a perturbed wording really differs, so that there is something to mark.
fn question(task: &str, row: usize, variant: &VariantId) -> String {
    let hostile = if row == 0 { HOSTILE } else { "" };
    let original = format!("Which structure of the heart carries blood to the lungs in case {row}? {hostile}");
    let stem = match variant.perturbation.as_str() {
        "typo" => original.replace("structure", ["strcuture", "structrue"][variant.draw]),
        "casing" => original.replace("Which", "WHICH"),
        "whitespace" => original.replace(" of the", ["  of the", " of\n the"][variant.draw]),
        "paraphrase" => original.replace("carries blood to", ["brings blood to", "delivers blood to"][variant.draw]),
        "punctuation" => original.replace('?', " ?"),
        "format" => original.replace("Which", ["Question: Which", "QUESTION:: Which", "Q - Which"][variant.draw]),
        "option_order" => format!("{original} ({})", variant.draw),
        _ => original,
    };
    match task {
        "mmlu_anatomy" => format!("{stem}\nA. aorta\nB. pulmonary artery\nC. vena cava\nD. coronary sinus\nAnswer:"),
        _ => stem,
    }
}

fn asked(task: &Task, row: usize, variant: &VariantId) -> (Request, Expectation) {
    let prompt = Prompt::Text(question(&task.name, row, variant));
    match &task.output {
        OutputType::MultipleChoice => {
            let choices = ["A", "B", "C", "D"].map(str::to_owned);
            let continuations = choices.iter().map(|choice| Continuation::Text(format!(" {choice}"))).collect();
            let expectation = Expectation::Choice { choices: choices.to_vec(), gold: vec![row % 4] };
            (Request::LogLikelihood { prompt, continuations }, expectation)
        }
        OutputType::GenerateUntil(decoding) => {
            let expectation = Expectation::Text { targets: vec!["Yes".to_owned()], choices: Vec::new() };
            (Request::Generate { prompt, decoding: decoding.clone() }, expectation)
        }
        _ => (Request::Rolling { text: question(&task.name, row, variant) }, Expectation::Document),
    }
}

/// How often a checkpoint is right, by design: worse under typos, unmoved by whitespace.
fn skill(checkpoint: &str, task: &str, variant: &VariantId) -> f64 {
    let base = if task == "mmlu_anatomy" { 0.3 } else { 0.55 };
    let tuned = if checkpoint == "p0.4-r0.6" { 0.08 } else { 0.0 };
    let harm = match variant.perturbation.as_str() {
        "typo" => 0.15,
        "option_order" => 0.1,
        "casing" => 0.06,
        _ => 0.0,
    };
    base + tuned - harm * if tuned > 0.0 { 0.4 } else { 1.0 }
}

fn answered(checkpoint: &str, task: &Task, row: usize, variant: &VariantId) -> (Response, Vec<Score>) {
    let row_name = row.to_string();
    let luck = chance_of(&[checkpoint, &task.name, &row_name]);
    let noise = chance_of(&[checkpoint, &task.name, &row_name, &variant.to_string()]);
    let mixed = if variant.perturbation == "whitespace" { luck } else { 0.7 * luck + 0.3 * noise };
    let right = mixed < skill(checkpoint, &task.name, variant);
    let scored = |credit: f64, answer: &str, explanation: String| Score::Scored {
        credit,
        answer: answer.to_owned(),
        explanation,
    };
    match &task.output {
        OutputType::MultipleChoice => {
            let place = if right { row % 4 } else { (row + 1) % 4 };
            let log_prob = |choice: usize| ContinuationLogProb {
                sum_nats: if choice == place { -1.1 - noise } else { -2.4 - 0.3 * choice as f64 },
                tokens: 1,
                is_greedy: choice == place,
                prompt_tokens_cut: 0,
            };
            let answer = ["A", "B", "C", "D"][place];
            let said = scored(
                f64::from(right),
                answer,
                format!("answered {answer}, expected {}", ["A", "B", "C", "D"][row % 4]),
            );
            (Response::LogProbs { continuations: (0..4).map(log_prob).collect() }, vec![said.clone(), said])
        }
        OutputType::GenerateUntil(_) => {
            let text = match (right, row) {
                (true, _) => "Yes".to_owned(),
                (false, 0) => HOSTILE.to_owned(),
                (false, _) => "No, because it turns left.".to_owned(),
            };
            let flexible =
                scored(f64::from(right), text.split(',').next().unwrap_or_default(), "compared with Yes".to_owned());
            let strict = if row % 9 == 4 {
                Score::Unscored { reason: "the filter's pattern ran into its backtracking limit".to_owned() }
            } else {
                flexible.clone()
            };
            (
                Response::Generated(Generation {
                    text,
                    token_ids: vec![1, 2],
                    finish: FinishReason::EndToken,
                    prompt_tokens_cut: 0,
                }),
                vec![flexible, strict],
            )
        }
        _ => {
            let nats = 2.0 + luck + if right { 0.0 } else { 0.2 };
            (Response::Rolling { sum_nats: -nats * 12.0, tokens: 12 }, vec![scored(nats, "", "12 words".to_owned())])
        }
    }
}

pub fn run() -> Run {
    let manifest = manifest();
    let mut run =
        Run { plan: Vec::new(), skipped: Vec::new(), scores: Vec::new(), responses: BTreeMap::new(), manifest };
    let tasks = run.manifest.tasks.clone();
    for task in &tasks {
        let instances = if task.name == "wit_text" { 12 } else { 40 };
        for row in 0..instances {
            add_instance(&mut run, task, row);
        }
    }
    run
}

fn add_instance(run: &mut Run, task: &Task, row: usize) {
    let instance = format!("{}/{row}", task.name);
    for variant in variants() {
        let no_options = variant.perturbation == "option_order" && task.name != "mmlu_anatomy";
        let fixed = variant.perturbation == "typo" && variant.draw == 1 && row % 7 == 3;
        if no_options || fixed {
            let reason = if no_options { "there are no options to reorder" } else { "no word may be changed" };
            run.skipped.push(SkippedVariant {
                task: task.name.clone(),
                instance: instance.clone(),
                variant,
                reason: reason.to_owned(),
            });
            continue;
        }
        let (request, expectation) = asked(task, row, &variant);
        for checkpoint in run.manifest.checkpoints.clone() {
            add_answer(run, &checkpoint.label, task, row, &variant, &request);
        }
        let purpose = Purpose::Judge { variant, expectation };
        run.plan.push(PlanRecord {
            task: task.name.clone(),
            instance: instance.clone(),
            cluster: instance.clone(),
            purpose,
            request,
        });
    }
    if row < 20 && task.name != "wit_text" {
        add_prompt_set(run, task, &instance, row);
    }
}

fn add_answer(run: &mut Run, checkpoint: &str, task: &Task, row: usize, variant: &VariantId, request: &Request) {
    let instance = format!("{}/{row}", task.name);
    let (response, scores) = answered(checkpoint, task, row, variant);
    let key = Digest::of_json(request).expect("a request has a digest");
    run.responses.insert((checkpoint.to_owned(), key.clone()), response);
    let named = task.metrics.iter().flat_map(|spec| task.filters.iter().map(move |filter| (spec, filter)));
    for ((spec, filter), score) in named.zip(scores) {
        run.scores.push(ScoreRecord {
            parts: Vec::new(),
            checkpoint: checkpoint.to_owned(),
            task: task.name.clone(),
            instance: instance.clone(),
            cluster: instance.clone(),
            variant: variant.clone(),
            filter: filter.name.clone(),
            metric: spec.metric.as_str().to_owned(),
            score,
            response: key.clone(),
            prompt_tokens_cut: 0,
        });
    }
}

fn add_prompt_set(run: &mut Run, task: &Task, instance: &str, row: usize) {
    let variants = variants().into_iter().take(4).collect::<Vec<_>>();
    let prompts = variants.iter().map(|variant| Prompt::Text(question(&task.name, row, variant))).collect();
    let request = Request::PromptSet { prompts, decoding: decoding() };
    for checkpoint in &run.manifest.checkpoints {
        let reply = Generation {
            text: "Yes".to_owned(),
            token_ids: vec![3, 4],
            finish: FinishReason::EndToken,
            prompt_tokens_cut: 0,
        };
        let log_prob = |i: usize, j: usize| -1.0 - chance_of(&[&checkpoint.label, instance, &format!("{i} {j}")]);
        let response = Response::PromptSet {
            replies: vec![reply; 4],
            log_probs: (0..4).map(|i| (0..4).map(|j| log_prob(i, j)).collect()).collect(),
        };
        let key = Digest::of_json(&request).expect("a request has a digest");
        run.responses.insert((checkpoint.label.clone(), key), response);
    }
    let purpose = Purpose::Posix { variants };
    let (task, instance) = (task.name.clone(), instance.to_owned());
    run.plan.push(PlanRecord { task, cluster: instance.clone(), instance, purpose, request });
}

/// The same run with hostile names: a checkpoint's folder, a task's alias, an instance, a reason.
pub fn hostile_run() -> Run {
    let mut run = run();
    let label = format!("=1+1|{HOSTILE}");
    for entry in run.manifest.checkpoints.iter_mut().filter(|entry| entry.label == "p0-r1") {
        entry.label.clone_from(&label);
        HOSTILE.clone_into(&mut entry.architecture);
        entry.base = Some(HOSTILE.to_owned());
    }
    run.manifest.tasks[0].alias = Some(format!("@task|{HOSTILE}"));
    run.manifest.settings.system_instruction = Some(HOSTILE.to_owned());
    run.scores.retain(|score| score.checkpoint != "p0-r1" || score.instance != "bbh_zeroshot_navigate/1");
    for score in run.scores.iter_mut().filter(|score| score.checkpoint == "p0-r1") {
        score.checkpoint.clone_from(&label);
        if score.instance == "mmlu_anatomy/2" {
            score.score = Score::Unscored { reason: format!("+reason|{HOSTILE}") };
        }
    }
    let responses = std::mem::take(&mut run.responses);
    let renamed = |name: String| if name == "p0-r1" { label.clone() } else { name };
    run.responses = responses.into_iter().map(|((name, key), response)| ((renamed(name), key), response)).collect();
    run
}
