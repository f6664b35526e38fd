//! Reads the lexicon and the templates, and checks them.
//!
//! Files are TOML. `[classes]` names groups of words for guards; `[[inflections]]` names columns of forms with a guard
//! each; `[[sets]]` are rows of forms that stand for each other (`any`), or of which only the first kind may be
//! replaced (`from`, `to`); `idioms` are expressions whose words change only together; `[[templates]]` are sentence
//! patterns with their paraphrases.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::guard::{Classes, Guard, GuardWire, spelled_out};
use super::lexicon::{Entry, Lexicon};
use super::template::{Position, SlotGuard, Template, parse_pattern, parse_rewording};
use super::validate;
use crate::perturb::{DataError, DataFile};

/// Most words of a slot where nothing is said.
const SLOT_WORDS: [usize; 2] = [1, 90];

/// The templates and the lexicon of the paraphrase perturbation.
#[derive(Debug, Clone, Default)]
pub struct ParaphraseData {
    pub(super) lexicon: Lexicon,
    pub(super) templates: Vec<Template>,
    pub(super) sets: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileWire {
    classes: BTreeMap<String, Vec<String>>,
    inflections: Vec<InflectionWire>,
    idioms: Vec<String>,
    sets: Vec<SetWire>,
    ends: Vec<String>,
    templates: Vec<TemplateWire>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InflectionWire {
    name: String,
    columns: Vec<String>,
    #[serde(default)]
    guards: BTreeMap<String, GuardWire>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum RowWire {
    One(String),
    Forms(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SetWire {
    class: Option<String>,
    any: Vec<RowWire>,
    from: Vec<RowWire>,
    to: Vec<RowWire>,
    after: Vec<String>,
    before: Vec<String>,
    not_after: Vec<String>,
    not_before: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateWire {
    r#match: OneOrMore,
    to: Vec<String>,
    #[serde(default)]
    slots: BTreeMap<String, SlotWire>,
    ends: Option<Vec<String>>,
    #[serde(default)]
    position: Position,
    #[serde(default)]
    polite: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SlotWire {
    words: Option<[usize; 2]>,
    start: Vec<String>,
    not_start: Vec<String>,
    not_end: Vec<String>,
    none_of: Vec<String>,
    not_suffix: Vec<String>,
    plain: bool,
}

impl ParaphraseData {
    /// Reads the files of `perturbations/paraphrase` (its cases and other files than TOML are passed over).
    pub fn from_files(files: &[DataFile<'_>]) -> Result<Self, DataError> {
        let (data, problems) = Self::read(files);
        match problems.into_iter().next() {
            Some(problem) => Err(problem),
            None => Ok(data),
        }
    }

    /// Everything that is wrong with the files: unknown classes, heads that are defined twice, chains that lead back
    /// to their start, placeholders that differ, empty paraphrases. `wit-eval check` lists them.
    pub fn validate(files: &[DataFile<'_>]) -> Vec<DataError> {
        Self::read(files).1
    }

    /// Number of lexicon sets, of templates, and of the templates' paraphrases.
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.sets, self.templates.len(), self.templates.iter().map(|template| template.rewordings.len()).sum())
    }

    fn read(files: &[DataFile<'_>]) -> (Self, Vec<DataError>) {
        let mut problems = Vec::new();
        let mut wires = Vec::new();
        let is_data = |file: &&DataFile<'_>| {
            let toml = std::path::Path::new(file.path).extension().is_some_and(|extension| extension == "toml");
            toml && !file.path.ends_with("cases.toml")
        };
        for file in files.iter().filter(is_data) {
            match toml::from_str::<FileWire>(file.text) {
                Ok(wire) => wires.push((file.path, wire)),
                Err(error) => problems.push(DataError::invalid(file.path, error)),
            }
        }
        let mut reader = Reader { classes: classes(&wires, &mut problems), data: Self::default(), problems };
        let inflections = reader.inflections(&wires);
        for (path, wire) in &wires {
            reader.data.lexicon.idioms.extend(wire.idioms.iter().map(|idiom| words(idiom)));
            for (number, set) in wire.sets.iter().enumerate() {
                let origin = format!("{path}: set {} ({})", number + 1, set.name());
                if let Err(problem) = reader.set(set, &inflections, &origin) {
                    reader
                        .problems
                        .push(DataError::invalid(*path, format!("set {} ({}): {problem}", number + 1, set.name())));
                }
            }
            for template in &wire.templates {
                for pattern in template.r#match.iter() {
                    match reader.template(pattern, template, &wire.ends) {
                        Ok(template) => reader.data.templates.push(template),
                        Err(problem) => {
                            reader.problems.push(DataError::invalid(*path, format!("template `{pattern}`: {problem}")));
                        }
                    }
                }
            }
        }
        reader.finish()
    }
}

impl OneOrMore {
    fn iter(&self) -> std::slice::Iter<'_, String> {
        match self {
            Self::One(one) => std::slice::from_ref(one).iter(),
            Self::More(more) => more.iter(),
        }
    }
}

impl RowWire {
    fn forms(&self) -> Vec<String> {
        match self {
            Self::One(form) => vec![form.clone()],
            Self::Forms(forms) => forms.clone(),
        }
    }
}

impl SetWire {
    /// Its first form, by which messages name it.
    fn name(&self) -> String {
        let first = self.any.first().or(self.from.first()).map(RowWire::forms).unwrap_or_default();
        first.first().cloned().unwrap_or_else(|| "empty".to_owned())
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_lowercase).collect()
}

fn classes(wires: &[(&str, FileWire)], problems: &mut Vec<DataError>) -> Classes {
    let mut classes = Classes::new();
    for (path, wire) in wires {
        for (name, words) in &wire.classes {
            let words = words.iter().map(|word| word.to_lowercase()).collect::<BTreeSet<_>>();
            if classes.insert(name.clone(), words).is_some() {
                problems.push(DataError::invalid(*path, format!("class `{name}` is defined twice")));
            }
        }
    }
    classes
}

type Inflections = BTreeMap<String, Vec<Guard>>;

struct Reader {
    classes: Classes,
    data: ParaphraseData,
    problems: Vec<DataError>,
}

impl Reader {
    fn inflections(&mut self, wires: &[(&str, FileWire)]) -> Inflections {
        let mut inflections = Inflections::new();
        for (path, wire) in wires {
            for inflection in &wire.inflections {
                match self.columns(inflection) {
                    Ok(guards) => drop(inflections.insert(inflection.name.clone(), guards)),
                    Err(problem) => {
                        let problem = format!("inflection `{}`: {problem}", inflection.name);
                        self.problems.push(DataError::invalid(*path, problem));
                    }
                }
            }
        }
        inflections
    }

    fn columns(&self, inflection: &InflectionWire) -> Result<Vec<Guard>, String> {
        if let Some(unknown) = inflection.guards.keys().find(|name| !inflection.columns.contains(name)) {
            return Err(format!("a guard for `{unknown}`, which is no column"));
        }
        let none = GuardWire::default();
        let guard = |column| Guard::new(inflection.guards.get(column).unwrap_or(&none), &self.classes);
        inflection.columns.iter().map(guard).collect()
    }

    fn set(&mut self, set: &SetWire, inflections: &Inflections, origin: &str) -> Result<(), String> {
        let (sources, targets) = match (set.any.is_empty(), set.from.is_empty(), set.to.is_empty()) {
            (false, true, true) => (&set.any, &set.any),
            (true, false, false) => (&set.from, &set.to),
            _ => return Err("write either `any`, or `from` and `to`".to_owned()),
        };
        if set.any.len() == 1 {
            return Err("one form has nothing to stand for it".to_owned());
        }
        let fixed = vec![Guard::default()];
        let columns = match &set.class {
            None => &fixed,
            Some(name) => inflections.get(name).ok_or_else(|| format!("unknown inflection class `{name}`"))?,
        };
        let wire = GuardWire {
            after: set.after.clone(),
            before: set.before.clone(),
            not_after: set.not_after.clone(),
            not_before: set.not_before.clone(),
        };
        let guard = Guard::new(&wire, &self.classes)?;
        let (sources, targets) = (rows(sources, columns.len())?, rows(targets, columns.len())?);
        for (column, inflection_guard) in columns.iter().enumerate() {
            for source in sources.iter().filter_map(|row| row.get(column)).filter(|form| *form != "-") {
                let alternatives = targets.iter().filter_map(|row| row.get(column));
                let alternatives = alternatives.filter(|form| *form != source && *form != "-").cloned();
                let alternatives = alternatives.collect::<Vec<_>>();
                if alternatives.is_empty() && set.class.is_some() {
                    continue;
                }
                let head = words(source);
                let first = head.first().cloned().ok_or("an empty form")?;
                self.data.lexicon.by_first.entry(first).or_default().push(Entry {
                    head,
                    alternatives,
                    guard: guard.clone(),
                    inflection_guard: inflection_guard.clone(),
                    origin: origin.to_owned(),
                });
            }
        }
        self.data.sets += 1;
        Ok(())
    }

    fn template(&self, pattern: &str, wire: &TemplateWire, file_ends: &[String]) -> Result<Template, String> {
        let (items, names, tail) = parse_pattern(pattern)?;
        if let Some(unknown) = wire.slots.keys().find(|name| !names.contains(name)) {
            return Err(format!("a guard for slot `{unknown}`, which the pattern has not"));
        }
        let slots = names.iter().map(|name| self.slot(name, wire.slots.get(name))).collect::<Result<_, _>>()?;
        let rewordings = wire.to.iter().filter(|to| to.trim_end_matches(['.', '?', '!']) != pattern);
        let rewordings = rewordings.map(|to| parse_rewording(to, &names)).collect::<Result<Vec<_>, _>>()?;
        if rewordings.is_empty() {
            return Err("no paraphrases".to_owned());
        }
        Ok(Template {
            items,
            slots,
            tail,
            ends: wire.ends.as_deref().unwrap_or(file_ends).to_vec(),
            position: wire.position,
            polite: wire.polite,
            rewordings,
        })
    }

    fn slot(&self, name: &str, wire: Option<&SlotWire>) -> Result<SlotGuard, String> {
        let wire = wire.cloned().unwrap_or_default();
        let [fewest, most] = wire.words.unwrap_or(SLOT_WORDS);
        if fewest == 0 || fewest > most {
            return Err(format!("slot `{name}`: words = [{fewest}, {most}] is no range from 1 up"));
        }
        Ok(SlotGuard {
            name: name.to_owned(),
            words: (fewest, most),
            start: spelled_out(&wire.start, &self.classes)?,
            not_start: spelled_out(&wire.not_start, &self.classes)?,
            not_end: spelled_out(&wire.not_end, &self.classes)?,
            none_of: spelled_out(&wire.none_of, &self.classes)?,
            not_suffix: wire.not_suffix,
            plain: wire.plain,
        })
    }

    fn finish(mut self) -> (ParaphraseData, Vec<DataError>) {
        for entries in self.data.lexicon.by_first.values_mut() {
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.head.len()));
        }
        self.data.lexicon.idioms.retain(|idiom| !idiom.is_empty());
        let problems = validate::lexicon(&self.data.lexicon).into_iter();
        self.problems.extend(problems.map(|problem| DataError::invalid("paraphrase", problem)));
        (self.data, self.problems)
    }
}

/// The rows' forms, each with as many as the inflection has columns and none empty.
fn rows(wires: &[RowWire], columns: usize) -> Result<Vec<Vec<String>>, String> {
    let rows = wires.iter().map(RowWire::forms).collect::<Vec<_>>();
    for row in &rows {
        if row.len() != columns {
            return Err(format!("`{}` has {} forms; its class has {columns} columns", row.join(", "), row.len()));
        }
        if row.iter().any(|form| form.trim().is_empty() || form.trim() != form) {
            return Err("an empty form, or one with white space around it".to_owned());
        }
    }
    Ok(rows)
}
