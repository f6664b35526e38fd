//! Which files of which repositories hold the official data of which tasks: `benchmarks/sources.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::name::{RepoKind, RepoRef, checked_path};
use super::{HubError, NeededFile};

/// The list that ships with the program.
const SHIPPED: &str = include_str!("../../benchmarks/sources.toml");
/// Stands for one of a list's names in paths.
const EACH: &str = "{each}";
/// The largest file of a data set, where its length is not stated.
const LIMIT_BYTES: u64 = 256 << 20;

/// How a fetched file becomes what a task reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversion {
    /// Parquet with `question`, `choices`, `answer`, `subject`: for each subject a csv of question, four options and letter,
    /// without header.
    MmluCsv,
    /// Parquet with `input`, `target`: a JSON object with `examples`.
    BbhJson,
    /// Parquet: one JSON object a line.
    Jsonl,
}

impl Conversion {
    /// What a person would have to do.
    pub fn describe(self) -> &'static str {
        match self {
            Self::MmluCsv => "the rows of the subject as csv without header: question, four options, answer letter",
            Self::BbhJson => "as JSON: {\"examples\": [{\"input\", \"target\"}]}",
            Self::Jsonl => "as JSON, one object a line",
        }
    }
}

/// A file that some hub has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Its path in the repository; `{each}` stands for every name of the list.
    pub remote: String,
    /// Its path in the data folder, `{each}` likewise.
    pub target: String,
    /// What is done with it on the way.
    pub convert: Option<Conversion>,
    /// Name of the list.
    pub each: Option<String>,
    /// Its SHA-256 in the repository, where it is known.
    pub sha256: Option<String>,
    /// The most bytes that it may have.
    pub limit_bytes: Option<u64>,
}

/// A file that no hub is known to have.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByHand {
    /// Its path in the data folder; `{each}` stands for every name of the list.
    pub target: String,
    /// Where it can be found.
    pub origin: String,
    /// What lacks without it.
    pub purpose: String,
    /// Name of the list.
    pub each: Option<String>,
    /// Its SHA-256, where it is known.
    pub sha256: Option<String>,
}

/// The data of a task and of those whose names begin with its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name of the task or group.
    pub name: String,
    /// What it is, in a few words.
    pub about: String,
    /// Kind of the repository.
    pub kind: RepoKind,
    /// The repository.
    pub repo: String,
    /// The revision; a full commit where one is known.
    pub revision: String,
    /// The licence that the repository states.
    pub licence: String,
    /// How it is known that the files are there under these names.
    pub known_from: String,
    /// The files.
    #[serde(default)]
    pub file: Vec<SourceFile>,
    /// Files that have to be found elsewhere.
    #[serde(default)]
    pub by_hand: Vec<ByHand>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourcesFile {
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
    source: Vec<Source>,
}

/// One download, and the files of the data folder that come of it, each with its name in the list (empty without).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub repo: RepoRef,
    pub remote: String,
    pub targets: Vec<(String, String)>,
    pub convert: Option<Conversion>,
    pub sha256: Option<String>,
    pub limit_bytes: u64,
}

/// Where the data of tasks are.
#[derive(Debug, Clone)]
pub struct Sources {
    lists: BTreeMap<String, Vec<String>>,
    sources: Vec<Source>,
}

impl Sources {
    /// The list that ships with the program.
    pub fn shipped() -> Result<Self, HubError> {
        Self::read("benchmarks/sources.toml", SHIPPED)
    }

    /// Reads a list; `file` names it in errors. Every name and path in it is checked.
    pub fn read(file: &str, text: &str) -> Result<Self, HubError> {
        let invalid = |problem: String| HubError::Sources { file: file.to_owned(), problem };
        let read: SourcesFile = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let sources = Self { lists: read.lists, sources: read.source };
        for source in &sources.sources {
            let about = |error: HubError| invalid(format!("`{}`: {error}", source.name));
            let items = sources.items(source).map_err(about)?;
            let digests =
                source.file.iter().map(|file| &file.sha256).chain(source.by_hand.iter().map(|file| &file.sha256));
            let wrong = digests.flatten().find(|digest| {
                digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
            });
            if let Some(digest) = wrong {
                return Err(invalid(format!(
                    "`{}`: `{digest}` is no SHA-256; write 64 digits in lower case",
                    source.name
                )));
            }
            if items.is_empty() {
                return Err(invalid(format!("`{}` has no [[source.file]]", source.name)));
            }
        }
        Ok(sources)
    }

    /// All sources.
    pub fn all(&self) -> &[Source] {
        &self.sources
    }

    /// The source of a task: the one of its name, or the longest name that its name begins with, `_` following.
    pub fn of_task(&self, task: &str) -> Result<&Source, HubError> {
        let serves = |source: &&Source| {
            task.strip_prefix(&source.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        let found = self.sources.iter().filter(serves).max_by_key(|source| source.name.len());
        found.ok_or_else(|| HubError::NoSource {
            task: task.to_owned(),
            known: self.sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    fn names(&self, list: Option<&String>) -> Result<Vec<String>, HubError> {
        let Some(list) = list else { return Ok(vec![String::new()]) };
        let names = self.lists.get(list).filter(|names| !names.is_empty());
        names.cloned().ok_or_else(|| HubError::Sources {
            file: format!("lists.{list}"),
            problem: "there is no such list; write it under [lists]".to_owned(),
        })
    }

    /// The downloads of a source.
    pub(super) fn items(&self, source: &Source) -> Result<Vec<Item>, HubError> {
        let repo = RepoRef::new(source.kind, &source.repo, &source.revision)?;
        let mut items = Vec::new();
        for file in &source.file {
            let names = self.names(file.each.as_ref())?;
            let targets = names.iter().map(|name| {
                let target = file.target.replace(EACH, name);
                Ok((name.clone(), checked_path(&target, "file of the data folder")?.to_owned()))
            });
            let targets = targets.collect::<Result<Vec<_>, HubError>>()?;
            let item = |remote: String, targets: Vec<(String, String)>| {
                checked_path(&remote, "file of a repository")?;
                let limit_bytes = file.limit_bytes.unwrap_or(LIMIT_BYTES);
                let (convert, sha256) = (file.convert, file.sha256.clone());
                Ok::<_, HubError>(Item { repo: repo.clone(), remote, targets, convert, sha256, limit_bytes })
            };
            if file.remote.contains(EACH) {
                for (name, target) in targets {
                    items.push(item(file.remote.replace(EACH, &name), vec![(name, target)])?);
                }
            } else {
                items.push(item(file.remote.clone(), targets)?);
            }
        }
        for file in &source.by_hand {
            for (target, _) in self.by_hand(file)? {
                checked_path(&target, "file of the data folder")?;
            }
        }
        Ok(items)
    }

    /// Targets and descriptions of files that no hub has.
    pub(super) fn by_hand(&self, file: &ByHand) -> Result<Vec<(String, String)>, HubError> {
        let written = |name: &String| (file.target.replace(EACH, name), file.origin.replace(EACH, name));
        Ok(self.names(file.each.as_ref())?.iter().map(written).collect())
    }
}

impl Item {
    /// What a person has to put where.
    pub(super) fn needed(&self, target: std::path::PathBuf) -> NeededFile {
        NeededFile {
            target,
            origin: format!("{} of the {}", self.remote, self.repo),
            conversion: self.convert.map(Conversion::describe).unwrap_or_default().to_owned(),
            sha256: self.sha256.clone().map(|digest| match self.convert {
                Some(_) => format!("{digest} (before conversion)"),
                None => digest,
            }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_list_covers_the_official_benchmarks_with_pinned_revisions() {
        let sources = Sources::shipped().unwrap();
        for task in [
            "ifeval",
            "ifbench",
            "mmlu",
            "mmlu_anatomy",
            "mmlu_flexible_anatomy",
            "bbh",
            "bbh_zeroshot",
            "mt_bench",
            "alpaca_eval",
            "alpaca_eval_1",
        ] {
            let source = sources.of_task(task).unwrap();
            assert!(RepoRef::new(source.kind, &source.repo, &source.revision).unwrap().is_pinned(), "{task}");
            assert!(!source.licence.is_empty() && !source.known_from.is_empty());
        }
        let targets = |name: &str| {
            let items = sources.items(sources.of_task(name).unwrap()).unwrap();
            items.into_iter().flat_map(|item| item.targets).map(|(_, target)| target).collect::<Vec<_>>()
        };
        assert_eq!(targets("mmlu").len(), 3 * 57);
        assert!(targets("mmlu").contains(&"mmlu/test/anatomy_test.csv".to_owned()));
        assert_eq!(targets("bbh").len(), 27);
        assert!(sources.of_task("hellaswag").unwrap_err().to_string().contains("mt_bench"));
    }

    #[test]
    fn a_list_that_leads_out_of_the_folder_is_refused() {
        let text = |remote: &str, target: &str, repo: &str| {
            format!(
                "[[source]]\nname='x'\nabout=''\nkind='dataset'\nrepo='{repo}'\nrevision='main'\nlicence=''\nknown_from=''\n\
                 [[source.file]]\nremote='{remote}'\ntarget='{target}'\n"
            )
        };
        let read = |text: &str| Sources::read("s.toml", text).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(read(&text("a.json", "b/a.json", "o/n")), Ok(()));
        for (remote, target, repo) in
            [("../a", "a", "o/n"), ("a", "../a", "o/n"), ("a", "/a", "o/n"), ("a", "a", "../n"), ("a", "a", "o/n/m")]
        {
            let error = read(&text(remote, target, repo)).unwrap_err();
            assert!(error.contains("s.toml") && error.contains("`x`"), "{error}");
        }
        assert!(read("[[source]]\nnam='x'\n").unwrap_err().contains("nam"));
    }
}
