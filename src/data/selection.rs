//! Which tasks a run asks: names and wildcards, resolved against the catalog.

use super::catalog::Catalog;
use super::error::{CatalogError, did_you_mean};
use super::source::TaskSource;
use crate::task::{Group, Member};

/// The tasks of a run, each once, and the groups over them.
#[derive(Debug, Clone)]
pub struct Selection {
    /// In the order in which they were named; those of a group in the group's order.
    pub tasks: Vec<TaskSource>,
    /// Groups that were named, each followed by the groups in it.
    pub groups: Vec<Group>,
}

impl Catalog {
    /// Resolves `mmlu,bbh_zeroshot*`: names of tasks, groups and tags, with `*` for any text and `?` for one character.
    pub fn select(&self, names: &str) -> Result<Selection, CatalogError> {
        let mut selected = Names::default();
        for asked in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if !asked.contains(['*', '?']) {
                self.select_name(asked, &mut selected).ok_or_else(|| self.unknown(asked))?;
                continue;
            }
            let matching: Vec<&str> = self.names().filter(|name| matches(asked, name)).collect();
            if matching.is_empty() {
                return Err(self.unknown(asked));
            }
            for name in matching {
                self.select_name(name, &mut selected);
            }
        }
        if selected.tasks.is_empty() {
            return Err(CatalogError::NothingSelected);
        }
        Ok(Selection {
            tasks: selected.tasks.iter().filter_map(|name| self.task(name)).cloned().collect(),
            groups: selected.groups.iter().filter_map(|name| self.group(name)).cloned().collect(),
        })
    }

    fn select_name(&self, name: &str, selected: &mut Names) -> Option<()> {
        if let Some(group) = self.group(name) {
            self.select_groups(group, &mut selected.groups);
            selected.add_tasks(&self.tasks_of(name));
        } else if let Some(task) = self.task(name) {
            selected.add_tasks(std::slice::from_ref(&task.task.name));
        } else {
            selected.add_tasks(self.tagged(name)?);
        }
        Some(())
    }

    fn select_groups(&self, group: &Group, found: &mut Vec<String>) {
        if found.contains(&group.name) {
            return;
        }
        found.push(group.name.clone());
        for member in &group.members {
            if let Member::Group(name) = member
                && let Some(member) = self.group(name)
            {
                self.select_groups(member, found);
            }
        }
    }

    fn unknown(&self, name: &str) -> CatalogError {
        CatalogError::Unknown {
            asked_by: "--tasks".to_owned(),
            name: name.to_owned(),
            hint: did_you_mean(name, self.names()),
        }
    }
}

#[derive(Default)]
struct Names {
    tasks: Vec<String>,
    groups: Vec<String>,
}

impl Names {
    fn add_tasks(&mut self, names: &[String]) {
        for name in names {
            if !self.tasks.contains(name) {
                self.tasks.push(name.clone());
            }
        }
    }
}

/// Whether a pattern of `*` and `?` matches the whole name. At most `pattern` times `name` steps.
fn matches(pattern: &str, name: &str) -> bool {
    let mut reachable: Vec<bool> = std::iter::once(true).chain(name.chars().map(|_| false)).collect();
    for wanted in pattern.chars() {
        let mut next = vec![false; reachable.len()];
        let mut any_before = false;
        let previous = std::iter::once(None)
            .chain(name.chars().map(Some))
            .zip(std::iter::once(false).chain(reachable.iter().copied()));
        for ((slot, here), (c, before)) in next.iter_mut().zip(&reachable).zip(previous) {
            any_before |= *here;
            *slot = match wanted {
                '*' => any_before,
                '?' => before,
                wanted => before && c == Some(wanted),
            };
        }
        reachable = next;
    }
    reachable.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_character() {
        for (pattern, name, expected) in [
            ("mmlu*", "mmlu", true),
            ("mmlu_*", "mmlu", false),
            ("*_zero*_x", "bbh_zeroshot_x", true),
            ("b?h", "bbh", true),
            ("b?h", "bh", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
    }
}
