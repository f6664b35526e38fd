//! Variants per second of each perturbation, on one prompt of the kind that MMLU has: `cargo bench --bench perturbation`.
#![allow(missing_docs, clippy::unwrap_used)]

use divan::Bencher;
use divan::counter::ItemsCount;
use wit_eval::instance::{Expectation, Instance, PromptParts};
use wit_eval::perturb::protect::PromptText;
use wit_eval::perturb::{PerturbationKind, Perturber, Strength};
use wit_eval::seed::Seed;

fn main() {
    divan::main();
}

fn instance() -> Instance {
    let query = "A 45-year-old gardener comes to the clinic because, after a week of heavy lifting, his hand feels numb and \
                 he cannot spread his fingers. Which of the following nerves is most likely injured, and where is it \
                 usually compressed?\nA. The median nerve, at the wrist\nB. The ulnar nerve, at the elbow\nC. The radial \
                 nerve, in the upper arm\nD. The axillary nerve, at the shoulder\nAnswer:";
    Instance {
        task: "bench".into(),
        id: "bench/0".into(),
        cluster: "bench/0".into(),
        prompt: PromptParts {
            instruction: "The following are multiple choice questions (with answers) about anatomy.\n\n".into(),
            query: query.into(),
            target_delimiter: " ".into(),
            fewshot_delimiter: "\n\n".into(),
            ..PromptParts::default()
        },
        expectation: Expectation::Choice { choices: ["A", "B", "C", "D"].map(String::from).to_vec(), gold: vec![1] },
        temperature: None,
    }
}

#[divan::bench(args = PerturbationKind::ALL)]
fn variant(bencher: Bencher<'_, '_>, kind: PerturbationKind) {
    let perturber = Perturber::embedded().unwrap();
    let instance = instance();
    let mut rng = Seed(1).stream(&["bench"]);
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench_local(|| perturber.apply(kind, &instance, &Strength::Default, None, &mut rng));
}

#[divan::bench]
fn protected_spans(bencher: Bencher<'_, '_>) {
    let instance = instance();
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| PromptText::of(&instance));
}

#[divan::bench]
fn embedded_data(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Perturber::embedded().unwrap());
}
