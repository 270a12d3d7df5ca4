//! Column names: never empty, never twice. A name that had to change keeps what the file had beside it.

use std::collections::{HashMap, HashSet};

use crate::warning::{ColumnTrouble, LISTED_MAX, WarnedColumn, WarnedColumns, Warning};

/// Longest column name in characters.
const NAME_MAX_CHARS: usize = 500;

/// A column's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) name: String,
    /// What the file had, where that differs.
    pub(crate) original: String,
}

/// Names for `given`, and warnings about those that had to change: `column_3` for an empty one, `x_2` for a second `x`.
pub(crate) fn unique<S: AsRef<str>>(given: &[S]) -> (Vec<Name>, Vec<Warning>) {
    let mut taken: HashSet<String> = given.iter().map(|name| clean(name.as_ref())).collect();
    let mut first_use: HashSet<String> = HashSet::new();
    let mut next_number: HashMap<String, usize> = HashMap::new();
    let mut names = Vec::with_capacity(given.len());
    let (mut empty, mut doubled) = (WarnedColumns::default(), WarnedColumns::default());
    for (at, original) in given.iter().enumerate() {
        let original = original.as_ref();
        let cleaned = clean(original);
        let name = if cleaned.is_empty() {
            let name = number(&format!("column_{}", at + 1), None, &mut taken, &mut next_number);
            empty.add_name(&name);
            name
        } else if first_use.insert(cleaned.clone()) {
            cleaned
        } else {
            let name = number(&format!("{cleaned}_2"), Some(&cleaned), &mut taken, &mut next_number);
            doubled.add(|| WarnedColumn { original_name: Some(cleaned), ..WarnedColumn::of(&name) });
            name
        };
        let original = if original == name { String::new() } else { original.to_owned() };
        names.push(Name { name, original });
    }
    let told = [(ColumnTrouble::NoName, empty), (ColumnTrouble::SameName, doubled)];
    (names, told.into_iter().filter_map(|(trouble, columns)| Warning::of_columns(trouble, columns)).collect())
}

/// `column_1`, `column_2` ...
pub(crate) fn numbered(count: usize) -> Vec<Name> {
    (1..=count).map(|at| Name { name: format!("column_{at}"), original: String::new() }).collect()
}

/// Without blanks around it, control characters as blanks.
fn clean(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    name.trim().trim_start_matches('\u{feff}').chars().take(NAME_MAX_CHARS).collect()
}

/// `wanted`, or the next free `base_N`.
fn number(wanted: &str, base: Option<&str>, taken: &mut HashSet<String>, next: &mut HashMap<String, usize>) -> String {
    let base = base.unwrap_or(wanted);
    let mut name = wanted.to_owned();
    while !taken.insert(name.clone()) {
        let next = next.entry(base.to_owned()).or_insert(2);
        name = format!("{base}_{next}");
        *next += 1;
    }
    name
}

/// The first few, and how many more.
pub(crate) fn list(items: &[String]) -> String {
    let shown = items.len().min(LISTED_MAX);
    listed(&items[..shown], (items.len() - shown) as u64)
}

/// These, and how many more.
pub(crate) fn listed(shown: &[String], more: u64) -> String {
    let shown = shown.join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_unique_without_taking_a_name_that_stands() {
        let (names, warnings) = unique(&["a", "a", "", "a_2", " b ", "b", "column_3", "城市", "城市"]);
        let got: Vec<_> = names.iter().map(|n| n.name.as_str()).collect();
        assert_eq!(got, ["a", "a_3", "column_3_2", "a_2", "b", "b_2", "column_3", "城市", "城市_2"]);
        let originals: Vec<_> = names.iter().map(|n| n.original.as_str()).collect();
        assert_eq!(originals, ["", "a", "", "", " b ", "b", "", "", "城市"]);
        assert_eq!(warnings.len(), 2);
        assert!(warnings[1].to_string().starts_with("3 columns had the name of another"), "{warnings:?}");
    }

    #[test]
    fn ten_thousand_equal_names_take_no_time() {
        let (names, _) = unique(&vec!["x"; 10_000]);
        let different: HashSet<_> = names.iter().map(|n| &n.name).collect();
        assert_eq!(different.len(), 10_000);
    }
}
