//! All tasks, groups and tags, from the shipped benchmarks and from folders on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rayon::prelude::*;
use serde_yaml_ng::{Mapping, Value};

use super::decode::{self, Note};
use super::error::{CatalogError, did_you_mean};
use super::filters;
use super::source::TaskSource;
use super::tree::Tree;
use super::wire::{WireGroup, WireMember};
use super::yaml::{Origin, YamlFile, is_group};
use crate::task::{Group, Member, Metric};

/// Deepest nesting of groups.
const MAX_GROUP_DEPTH: usize = 16;

/// Every task, group and tag, by name. Building it opens task files only, no documents.
#[derive(Debug, Clone)]
pub struct Catalog {
    tasks: BTreeMap<String, TaskSource>,
    groups: BTreeMap<String, (Group, String)>,
    tags: BTreeMap<String, Vec<String>>,
    notes: Vec<Note>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A task.
    Task,
    /// Tasks reported together.
    Group,
    /// Tasks selected together.
    Tag,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The name to select it by.
    pub name: String,
    /// What the name stands for.
    pub kind: Kind,
    /// The output type; empty for groups and tags.
    pub output: String,
    /// Tasks under it; 1 for a task.
    pub tasks: usize,
    /// Few-shot examples; `None` for groups and tags.
    pub num_fewshot: Option<usize>,
    /// What is measured or aggregated.
    pub metrics: Vec<Metric>,
    /// What must be supplied: relative paths under the data folder, or a hosted data set that no file stands for. Empty
    /// where the data ship with the task.
    pub needs: Vec<String>,
    /// The defining file; empty for a tag.
    pub file: String,
    /// Version, where stated.
    pub version: String,
    /// What it measures, for people.
    pub description: String,
}

/// A group as read, its members not looked up yet.
struct PendingGroup {
    wire: WireGroup,
    yaml: YamlFile,
    tree: Tree,
    path: String,
}

/// A catalog that is being put together.
#[derive(Default)]
struct Builder {
    tasks: BTreeMap<String, TaskSource>,
    sources: BTreeMap<String, YamlFile>,
    groups: BTreeMap<String, PendingGroup>,
    resolved: BTreeMap<String, (Group, String)>,
    notes: Vec<Note>,
    trees: Vec<Tree>,
}

impl Catalog {
    /// Reads the shipped benchmarks and every folder of `include_paths`. A name defined in a folder wins over the
    /// shipped one; two folders, or two files of one, must not define the same name.
    pub fn load(include_paths: &[PathBuf]) -> Result<Self, CatalogError> {
        let mut builder = Builder::default();
        for folder in include_paths {
            let unreadable = |message| CatalogError::Read { file: folder.display().to_string(), message };
            builder.trees.push(Tree::open(folder).map_err(unreadable)?);
        }
        let mut own = BTreeSet::new();
        for tree in builder.trees.clone() {
            builder.add_tree(&tree, &own, false)?;
        }
        own.extend(builder.tasks.keys().chain(builder.groups.keys()).cloned());
        builder.add_tree(&Tree::Shipped, &own, true)?;
        builder.finish()
    }

    /// The task of this name.
    pub fn task(&self, name: &str) -> Option<&TaskSource> {
        self.tasks.get(name)
    }

    /// The group of this name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name).map(|(group, _)| group)
    }

    /// All tasks, by name.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskSource> {
        self.tasks.values()
    }

    /// Names of the tasks with this tag, sorted.
    pub fn tagged(&self, tag: &str) -> Option<&[String]> {
        self.tags.get(tag).map(Vec::as_slice)
    }

    /// Remarks on task files: keys that are ignored, line breaks that are none.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// All names: groups, tags, tasks.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().chain(self.tags.keys()).chain(self.tasks.keys()).map(String::as_str)
    }

    /// Everything that can be selected: groups, then tags, then tasks, each by name.
    pub fn summaries(&self) -> Vec<Summary> {
        let groups = self.groups.values().map(|(group, file)| self.group_summary(group, file));
        let tags = self.tags.iter().map(|(tag, tasks)| Summary {
            name: tag.clone(),
            kind: Kind::Tag,
            output: String::new(),
            tasks: tasks.len(),
            num_fewshot: None,
            metrics: Vec::new(),
            needs: self.needs(tasks.iter()),
            file: String::new(),
            version: String::new(),
            description: String::new(),
        });
        let tasks = self.tasks.values().map(|source| Summary {
            name: source.task.name.clone(),
            kind: Kind::Task,
            output: source.task.output.to_string(),
            tasks: 1,
            num_fewshot: Some(source.task.num_fewshot),
            metrics: source.task.metrics.iter().map(|spec| spec.metric).collect(),
            needs: needs(source),
            file: source.file.clone(),
            version: source.task.version.clone(),
            description: source.task.profile.purpose.clone(),
        });
        groups.chain(tags).chain(tasks).collect()
    }

    fn group_summary(&self, group: &Group, file: &str) -> Summary {
        let tasks = self.tasks_of(&group.name);
        Summary {
            name: group.name.clone(),
            kind: Kind::Group,
            output: String::new(),
            tasks: tasks.len(),
            num_fewshot: None,
            metrics: group.aggregates.iter().map(|aggregate| aggregate.metric).collect(),
            needs: self.needs(tasks.iter()),
            file: file.to_owned(),
            version: group.version.clone().unwrap_or_default(),
            description: group.purpose.clone(),
        }
    }

    fn needs<'a>(&self, tasks: impl Iterator<Item = &'a String>) -> Vec<String> {
        let all: BTreeSet<String> = tasks.filter_map(|name| self.tasks.get(name)).flat_map(needs).collect();
        all.into_iter().collect()
    }

    /// Names of all tasks under a group, in the order of its file, each once.
    pub(super) fn tasks_of(&self, group: &str) -> Vec<String> {
        let mut found = Vec::new();
        self.collect_tasks(group, &mut found, &mut BTreeSet::new());
        found
    }

    fn collect_tasks(&self, group: &str, found: &mut Vec<String>, seen: &mut BTreeSet<String>) {
        if !seen.insert(group.to_owned()) {
            return;
        }
        for member in self.groups.get(group).map(|(group, _)| group.members.as_slice()).unwrap_or_default() {
            match member {
                Member::Task(name) if !found.contains(name) => found.push(name.clone()),
                Member::Task(_) => {}
                Member::Group(name) => self.collect_tasks(name, found, seen),
            }
        }
    }
}

fn needs(source: &TaskSource) -> Vec<String> {
    match source.unlocated_dataset() {
        Some(hosted) => vec![format!("hosted data set `{hosted}` as a local file")],
        None => source.needed_files().into_iter().filter_map(|candidates| candidates.first().cloned()).collect(),
    }
}

impl Builder {
    fn add_tree(&mut self, tree: &Tree, own: &BTreeSet<String>, shipped: bool) -> Result<(), CatalogError> {
        let files = tree.task_files().map_err(|message| CatalogError::Read { file: tree.label(""), message })?;
        let read = files.par_iter().map(|path| YamlFile::read(tree, path, &self.trees)).collect::<Vec<_>>();
        for (path, yaml) in files.into_iter().zip(read) {
            let yaml = yaml?;
            let key = if is_group(&yaml.keys) { "group" } else { "task" };
            // A file without a name is a template for others to include.
            let Some(name) = yaml.keys.get(key).and_then(Value::as_str).map(str::to_owned) else { continue };
            if shipped && own.contains(&name) {
                continue;
            }
            self.refuse_duplicate(&name, yaml.origin.label())?;
            if key == "group" {
                decode::check_name(&yaml.origin, "group", &name)?;
                let wire = yaml.origin.decode(yaml.keys.clone())?;
                self.groups.insert(name, PendingGroup { wire, yaml, tree: tree.clone(), path });
            } else {
                self.add_task(name, yaml, (tree, &path))?;
            }
        }
        Ok(())
    }

    fn refuse_duplicate(&self, name: &str, file: &str) -> Result<(), CatalogError> {
        let task = self.tasks.get(name).map(|source| source.file.as_str());
        let group = self.groups.get(name).map(|pending| pending.yaml.origin.label());
        let group = group.or_else(|| self.resolved.get(name).map(|(_, file)| file.as_str()));
        match task.or(group) {
            Some(first) => {
                Err(CatalogError::Duplicate { name: name.to_owned(), first: first.to_owned(), second: file.to_owned() })
            }
            None => Ok(()),
        }
    }

    fn add_task(&mut self, name: String, yaml: YamlFile, place: (&Tree, &str)) -> Result<(), CatalogError> {
        let wire = yaml.origin.decode(yaml.keys.clone())?;
        let source = decode::task(&yaml.origin, wire, place, &mut self.notes)?;
        self.tasks.insert(name.clone(), source);
        self.sources.insert(name, yaml);
        Ok(())
    }

    fn finish(mut self) -> Result<Catalog, CatalogError> {
        let names: Vec<String> = self.groups.keys().cloned().collect();
        let tags = self.tags();
        while let Some((name, pending)) = self.groups.pop_first() {
            // Other groups are found through `names`, whether they are resolved or not.
            let members = pending.wire.task.clone().into_vec();
            let place = (pending.tree.clone(), pending.path.clone());
            let group =
                self.resolve(&name, &pending.wire, members, (&pending.yaml.origin, &place), (&names, &tags), 0)?;
            self.resolved.insert(name, (group, pending.yaml.origin.label().to_owned()));
        }
        let tags = self.tags();
        let catalog = Catalog { tasks: self.tasks, groups: self.resolved, tags, notes: self.notes };
        let mut depths = BTreeMap::new();
        for name in catalog.groups.keys() {
            group_depth(&catalog, name, &mut Vec::new(), &mut depths)?;
        }
        Ok(catalog)
    }

    fn tags(&self) -> BTreeMap<String, Vec<String>> {
        let mut tags: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for source in self.tasks.values().filter(|source| !source.task.name.contains("::")) {
            for tag in &source.task.tags {
                tags.entry(tag.clone()).or_default().push(source.task.name.clone());
            }
        }
        tags
    }

    fn resolve(
        &mut self,
        name: &str,
        wire: &WireGroup,
        members: Vec<WireMember>,
        place: (&Origin, &(Tree, String)),
        known: (&[String], &BTreeMap<String, Vec<String>>),
        depth: usize,
    ) -> Result<Group, CatalogError> {
        let (origin, _) = place;
        if depth > MAX_GROUP_DEPTH {
            return Err(origin.invalid("task", format!("groups nest deeper than {MAX_GROUP_DEPTH} levels")));
        }
        let mut resolved = Vec::new();
        for member in members {
            match member {
                WireMember::Name(member) => resolved.extend(self.named_member(name, &member, known)?),
                WireMember::Inline(keys) if keys.contains_key("group") => {
                    resolved.push(self.inline_group(keys, place, known, depth)?);
                }
                WireMember::Inline(keys) => resolved.push(self.inline_task(name, keys, place)?),
            }
        }
        let aggregates = filters::aggregates(wire.aggregate_metric_list.clone());
        let metadata = wire.metadata.clone().unwrap_or_default();
        let purpose = metadata.wit_eval.and_then(|profile| profile.purpose).or(metadata.description);
        Ok(Group {
            name: name.to_owned(),
            alias: wire.group_alias.clone(),
            version: metadata.version.map(super::wire::Scalar::into_text),
            purpose: purpose.unwrap_or_default().trim().to_owned(),
            members: resolved,
            aggregates: aggregates.map_err(|message| origin.invalid("aggregate_metric_list", message))?,
        })
    }

    fn named_member(
        &self,
        group: &str,
        member: &str,
        (groups, tags): (&[String], &BTreeMap<String, Vec<String>>),
    ) -> Result<Vec<Member>, CatalogError> {
        if self.tasks.contains_key(member) {
            return Ok(vec![Member::Task(member.to_owned())]);
        }
        if groups.iter().any(|other| other == member) || self.resolved.contains_key(member) {
            return Ok(vec![Member::Group(member.to_owned())]);
        }
        if let Some(tasks) = tags.get(member) {
            return Ok(tasks.iter().cloned().map(Member::Task).collect());
        }
        let names = self.tasks.keys().chain(groups).chain(tags.keys()).map(String::as_str);
        Err(CatalogError::Unknown {
            asked_by: format!("group `{group}`"),
            name: member.to_owned(),
            hint: did_you_mean(member, names),
        })
    }

    fn inline_group(
        &mut self,
        keys: Mapping,
        place: (&Origin, &(Tree, String)),
        known: (&[String], &BTreeMap<String, Vec<String>>),
        depth: usize,
    ) -> Result<Member, CatalogError> {
        let (origin, _) = place;
        let wire: WireGroup = origin.decode(keys)?;
        let name = wire.group.clone();
        decode::check_name(origin, "group", &name)?;
        self.refuse_duplicate(&name, origin.label())?;
        let members = wire.task.clone().into_vec();
        let group = self.resolve(&name, &wire, members, place, known, depth + 1)?;
        self.resolved.insert(name.clone(), (group, origin.label().to_owned()));
        Ok(Member::Group(name))
    }

    /// A task written in place: an existing one with other settings, named `GROUP::TASK`, or a new one.
    fn inline_task(
        &mut self,
        group: &str,
        keys: Mapping,
        (origin, (tree, path)): (&Origin, &(Tree, String)),
    ) -> Result<Member, CatalogError> {
        let Some(name) = keys.get("task").and_then(Value::as_str).map(str::to_owned) else {
            return Err(origin.invalid("task", "a member written in place needs `task: NAME`"));
        };
        if keys.contains_key("include") {
            return Err(
                origin.invalid("include", "a member written in place cannot include; give the task its own file")
            );
        }
        let (mut merged, place, name) = match (self.sources.get(&name), self.tasks.get(&name)) {
            (Some(base), Some(source)) => {
                (base.keys.clone(), (source.tree.clone(), source.path.clone()), format!("{group}::{name}"))
            }
            _ => (Mapping::new(), (tree.clone(), path.clone()), name),
        };
        self.refuse_duplicate(&name, origin.label())?;
        merged.extend(keys);
        merged.insert(Value::from("task"), Value::from(name.clone()));
        let wire = origin.decode(merged)?;
        let source = decode::task(origin, wire, (&place.0, &place.1), &mut self.notes)?;
        self.tasks.insert(name.clone(), source);
        Ok(Member::Task(name))
    }
}

/// Levels of groups under a group, 0 where its members are tasks. `depths` holds those of groups that were seen before.
fn group_depth(
    catalog: &Catalog,
    name: &str,
    chain: &mut Vec<String>,
    depths: &mut BTreeMap<String, usize>,
) -> Result<usize, CatalogError> {
    let known = depths.get(name).copied();
    let levels = chain.len() + known.unwrap_or(0);
    if chain.iter().any(|other| other == name) || levels > MAX_GROUP_DEPTH {
        let group = chain.first().cloned().unwrap_or_default();
        return Err(CatalogError::GroupCycle { group, chain: format!("{} -> {name}", chain.join(" -> ")) });
    }
    if let Some(depth) = known {
        return Ok(depth);
    }
    chain.push(name.to_owned());
    let mut depth = 0;
    for member in catalog.group(name).map(|group| group.members.as_slice()).unwrap_or_default() {
        if let Member::Group(member) = member {
            depth = depth.max(group_depth(catalog, member, chain, depths)? + 1);
        }
    }
    chain.pop();
    depths.insert(name.to_owned(), depth);
    Ok(depth)
}
