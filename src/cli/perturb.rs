//! `wit-eval perturb`: look at variants before spending a run on them.

use std::io::{IsTerminal as _, Write as _};

use clap::Args;

use super::options::{PerturbationArgs, TaskArgs};
use super::{Exit, show};
use crate::data::{InstanceOptions, Limit, instances};
use crate::instance::{Instance, Presentation, PromptParts};
use crate::perturb::protect::{Part, PromptText, ProtectedText};
use crate::perturb::{Outcome, PerturbationSpec, Perturber, turns};
use crate::report::text::visible_line;
use crate::seed::Seed;
use crate::variant::VariantId;

/// Flags of `perturb`.
#[derive(Debug, Args)]
pub(super) struct PerturbArgs {
    #[command(flatten)]
    tasks: TaskArgs,
    #[command(flatten)]
    perturbations: PerturbationArgs,
    /// Characters of each of the two columns
    #[arg(long, value_name = "N", default_value_t = 56, value_parser = clap::value_parser!(u16).range(16..=400))]
    width: u16,
}

/// Instances of each task that are shown where `--limit` does not say.
const SHOWN: Limit = Limit::Count(3);

/// Shows the variants.
pub(super) fn run(args: &PerturbArgs) -> anyhow::Result<Exit> {
    let specs = args.perturbations.specs()?;
    let perturber = args.perturbations.perturber()?;
    let selection = args.tasks.catalog()?.select(&args.tasks.tasks)?;
    let options = InstanceOptions {
        limit: Some(args.tasks.limit.unwrap_or(SHOWN)),
        ..args.tasks.instance_options(Presentation::Text)
    };
    let mut out = std::io::stdout().lock();
    let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let view = View { width: usize::from(args.width), colour };
    if !colour {
        writeln!(out, "⟦protected⟧ [-removed-] {{+added+}}; a space or line break that changed is shown as · or ⏎")?;
    }
    let mut shown = 0;
    for source in &selection.tasks {
        for instance in instances(source, &options)? {
            shown += 1;
            let seed = Seed(args.perturbations.seed);
            out.write_all(view.instance(&instance, &perturber, &specs, seed).as_bytes())?;
        }
    }
    Ok(if shown == 0 { Exit::Nothing } else { Exit::Success })
}

struct View {
    width: usize,
    colour: bool,
}

impl View {
    fn instance(&self, instance: &Instance, perturber: &Perturber, specs: &[PerturbationSpec], seed: Seed) -> String {
        let texts = turns(instance).iter().map(PromptText::of).collect::<Vec<_>>();
        let mut out = format!("\n━━ {} ━━\n", visible_line(&instance.id));
        for (id, outcome) in perturber.variants(instance, specs, seed) {
            out.push_str(&self.variant(instance, &texts, &id, &outcome));
        }
        out
    }

    fn variant(&self, instance: &Instance, texts: &[PromptText], id: &VariantId, outcome: &Outcome) -> String {
        let mut out = format!("\n── {id}\n");
        match outcome {
            Outcome::Nothing { reason } => out.extend(["  no variant: ", &visible_line(reason), "\n"]),
            Outcome::Changed(perturbed) => {
                let later = texts.get(1..).unwrap_or_default();
                for (part, text) in texts.first().into_iter().flat_map(|text| Part::ALL.map(|part| (part, text))) {
                    let (before, after) = (part_of(&instance.prompt, part), part_of(&perturbed.prompt, part));
                    if part == Part::Query || before != after {
                        out.push_str(&self.columns(text.part(part), after));
                    }
                }
                for (number, (text, after)) in (2_usize..).zip(later.iter().zip(&perturbed.prompt.later)) {
                    out.extend(["  turn ", &number.to_string(), "\n"]);
                    out.push_str(&self.columns(text.part(Part::Query), after));
                }
                if perturbed.prompt.shots != instance.prompt.shots {
                    out.push_str("  the examples are written in the same way\n");
                }
                if perturbed.expectation != instance.expectation {
                    out.push_str("  the expected answer follows the change\n");
                }
                for change in &perturbed.changes {
                    out.extend(["  · ", &visible_line(change), "\n"]);
                }
            }
        }
        out
    }

    fn columns(&self, original: &ProtectedText, variant: &str) -> String {
        let left = show::protected_runs(original);
        let right = show::changed_runs(original.text(), variant);
        show::side_by_side(&left, &right, self.width, self.colour)
    }
}

fn part_of(prompt: &PromptParts, part: Part) -> &str {
    match part {
        Part::Instruction => &prompt.instruction,
        Part::Query => &prompt.query,
    }
}
