//! The steps of a cell: what each runs, what it leaves behind, and what identifies it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::settings::Settings;
use super::{Cell, ContentDigests, Source, Sweep, SweepError};
use crate::digest::Digest;
use crate::store::RunFolder;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Tunes the base.
    Train,
    /// Evaluates the tuned model, or the base as it is.
    Evaluate,
    /// Continues the tuned model with DPO.
    Dpo,
    /// Evaluates that.
    EvaluateDpo,
}

impl Stage {
    /// All stages in the order of work.
    pub const ALL: [Self; 4] = [Self::Train, Self::Evaluate, Self::Dpo, Self::EvaluateDpo];

    /// The word that `cell.json` uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Evaluate => "evaluate",
            Self::Dpo => "dpo",
            Self::EvaluateDpo => "evaluate_dpo",
        }
    }

    /// The verb of the command line that does it.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Dpo => "dpo",
            Self::Evaluate | Self::EvaluateDpo => "run",
        }
    }

    /// The folder that it writes, in the cell's.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Train => "checkpoint",
            Self::Evaluate => "run",
            Self::Dpo => "dpo",
            Self::EvaluateDpo => "run-dpo",
        }
    }

    /// The file that is there once it is done, in its folder.
    pub fn last_file(self) -> &'static str {
        match self {
            Self::Train | Self::Dpo => "wit.json",
            Self::Evaluate | Self::EvaluateDpo => RunFolder::SCORES,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A step of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What it does.
    pub stage: Stage,
    /// SHA-256 over everything that decides what it makes: content of base and data, weights, seed, settings, and the
    /// step before. Not over its place in the sweep, nor over what the sweep does besides.
    pub identity: Digest,
    /// The folder that it writes.
    pub folder: PathBuf,
    /// Its command line after the verb.
    pub flags: Vec<OsString>,
}

impl Step {
    /// The file that is there once it is done.
    pub fn last_file(&self) -> PathBuf {
        self.folder.join(self.stage.last_file())
    }
}

/// What is hashed. A change of this layout makes every finished cell another one.
#[derive(Serialize)]
struct Decisive<'a> {
    stage: &'a str,
    from: Digest,
    data: Vec<Digest>,
    lambda_p: Option<f64>,
    lambda_r: Option<f64>,
    seed: Option<u64>,
    settings: BTreeMap<&'a str, Vec<String>>,
}

impl Sweep {
    /// The folder of a cell.
    pub fn folder(&self, cell: &Cell) -> PathBuf {
        self.out.join(cell.folder())
    }

    /// The steps of a cell in the order of work.
    ///
    /// # Errors
    /// Where a base or a file is missing or cannot be read.
    pub fn steps(&self, cell: &Cell, digests: &mut ContentDigests) -> Result<Vec<Step>, SweepError> {
        let base = cell.base.paths.first().map_or(Path::new(""), PathBuf::as_path);
        let Some(tuning) = &cell.tuning else {
            let from = digests.of(base)?;
            return Ok(vec![self.evaluation(cell, Stage::Evaluate, from, base, digests)?]);
        };
        let train = self.training(cell, base, digests)?;
        let mut steps = vec![self.evaluation(cell, Stage::Evaluate, train.identity.clone(), &train.folder, digests)?];
        if let Some(settings) = &self.dpo {
            let stage = Stage::Dpo;
            let decisive = Decisive {
                stage: stage.as_str(),
                from: train.identity.clone(),
                data: Vec::new(),
                lambda_p: None,
                lambda_r: None,
                seed: Some(tuning.seed),
                settings: deciding(settings, digests)?,
            };
            let folder = self.folder(cell).join(stage.folder());
            let mut flags =
                vec![flag("base", &train.folder), flag("out", &folder), flag("seed", tuning.seed.to_string())];
            flags.extend(settings.to_flags());
            let dpo = Step { stage, identity: identity(&decisive)?, folder, flags };
            let evaluation = self.evaluation(cell, Stage::EvaluateDpo, dpo.identity.clone(), &dpo.folder, digests)?;
            steps.extend([dpo, evaluation]);
        }
        steps.insert(0, train);
        Ok(steps)
    }

    fn training(&self, cell: &Cell, base: &Path, digests: &mut ContentDigests) -> Result<Step, SweepError> {
        let stage = Stage::Train;
        let folder = self.folder(cell).join(stage.folder());
        let mut settings = self.train.clone();
        if let Some(rate) = cell.base.learning_rate {
            settings.set_number("learning_rate", true, rate);
        }
        let mut flags = vec![flag("base", base), flag("out", &folder)];
        let (mut data, mut weights, mut seed) = (Vec::new(), None, None);
        if let Some(tuning) = &cell.tuning {
            let Source { paths, .. } = &tuning.data;
            data = paths.iter().map(|path| digests.of(path)).collect::<Result<_, _>>()?;
            weights = Some(tuning.weighting);
            seed = Some(tuning.seed);
            flags.extend(paths.iter().map(|path| flag("data", path)));
            flags.push(flag("lambda-p", tuning.weighting.prompt().to_string()));
            flags.push(flag("lambda-r", tuning.weighting.response().to_string()));
            flags.push(flag("seed", tuning.seed.to_string()));
        }
        flags.extend(settings.to_flags());
        let decisive = Decisive {
            stage: stage.as_str(),
            from: digests.of(base)?,
            data,
            lambda_p: weights.map(crate::weighting::Weighting::prompt),
            lambda_r: weights.map(crate::weighting::Weighting::response),
            seed,
            settings: deciding(&settings, digests)?,
        };
        Ok(Step { stage, identity: identity(&decisive)?, folder, flags })
    }

    fn evaluation(
        &self,
        cell: &Cell,
        stage: Stage,
        from: Digest,
        checkpoint: &Path,
        digests: &mut ContentDigests,
    ) -> Result<Step, SweepError> {
        let parent = self.folder(cell);
        let settings = deciding(&self.evaluate, digests)?;
        let decisive = Decisive {
            stage: "evaluate",
            from,
            data: Vec::new(),
            lambda_p: None,
            lambda_r: None,
            seed: None,
            settings,
        };
        let mut flags = vec![flag("checkpoint", checkpoint), flag("output-path", &parent)];
        flags.push(flag("run-name", stage.folder()));
        flags.extend(self.evaluate.to_flags());
        Ok(Step { stage, identity: identity(&decisive)?, folder: parent.join(stage.folder()), flags })
    }
}

fn flag(name: &str, value: impl AsRef<std::ffi::OsStr>) -> OsString {
    let mut word = OsString::from(format!("--{name}="));
    word.push(value);
    word
}

/// What decides of some settings; files by their content, so that moving them changes nothing.
fn deciding<'a>(
    settings: &'a Settings,
    digests: &mut ContentDigests,
) -> Result<BTreeMap<&'a str, Vec<String>>, SweepError> {
    let mut deciding = BTreeMap::new();
    for (name, text, paths) in settings.deciding() {
        let mut values = vec![text.to_owned()];
        for path in paths {
            values.push(digests.of(path)?.to_string());
        }
        deciding.insert(name, values);
    }
    Ok(deciding)
}

fn identity(decisive: &Decisive<'_>) -> Result<Digest, SweepError> {
    Digest::of_json(decisive)
        .map_err(|source| SweepError::Record { path: "identity".into(), fault: source.to_string() })
}
