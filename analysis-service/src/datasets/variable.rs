//! Names of Python variables, made from the names of datasets. Pure; kernels use it for the tables that they load.
//!
//! Python compares identifiers after NFKC (Python reference, 2.3), so only names that NFKC leaves alone are made or
//! taken: what a person types then finds what was set.

use std::collections::HashSet;

use unicode_ident::{is_xid_continue, is_xid_start};
use unicode_normalization::UnicodeNormalization as _;

/// Characters of a variable name, at most.
pub const VARIABLE_NAME_MAX_CHARS: usize = 64;
/// The name where nothing better can be made, and the name of an only table.
pub const FALLBACK: &str = "df";

/// Words that are no identifiers (Python reference, 2.3.1).
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Names that a table must not hide by itself: built-ins that analyses use, IPython's own, and the libraries' usual
/// short names. A person who asks for one of these gets it.
const TAKEN: &[&str] = &[
    "abs",
    "all",
    "any",
    "bin",
    "bool",
    "bytes",
    "callable",
    "chr",
    "complex",
    "dict",
    "dir",
    "display",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "exit",
    "filter",
    "float",
    "format",
    "frozenset",
    "get_ipython",
    "getattr",
    "globals",
    "hash",
    "help",
    "hex",
    "id",
    "In",
    "input",
    "int",
    "isinstance",
    "iter",
    "len",
    "list",
    "locals",
    "map",
    "max",
    "min",
    "next",
    "np",
    "numpy",
    "object",
    "open",
    "ord",
    "Out",
    "pandas",
    "pd",
    "plt",
    "pow",
    "print",
    "property",
    "px",
    "quit",
    "range",
    "repr",
    "reversed",
    "round",
    "scipy",
    "set",
    "sklearn",
    "slice",
    "sm",
    "sns",
    "sorted",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];

/// Whether `name` can be a variable: an identifier that is no keyword and that Python reads as it is written.
#[must_use]
pub fn is_variable_name(name: &str) -> bool {
    check_variable_name(name).is_ok()
}

/// The same, saying why not.
///
/// # Errors
/// What is wrong with it.
pub fn check_variable_name(name: &str) -> Result<(), &'static str> {
    let mut chars = name.chars();
    let starts = chars.next().is_some_and(|c| c == '_' || is_xid_start(c));
    if !starts || !chars.all(is_xid_continue) {
        Err("it is no Python identifier")
    } else if name.chars().count() > VARIABLE_NAME_MAX_CHARS {
        const { assert!(VARIABLE_NAME_MAX_CHARS == 64, "the text below says so") }
        Err("it is longer than 64 characters")
    } else if !name.nfkc().eq(name.chars()) {
        Err("Python would read another name: write it in the form NFKC")
    } else if KEYWORDS.contains(&name) {
        Err("it is a keyword")
    } else {
        Ok(())
    }
}

/// The variable name of a dataset called `dataset_name`: `销售 2024` becomes `销售_2024`, `2024 sales` becomes
/// `df_2024_sales`, `list` becomes `list_df`.
#[must_use]
pub fn variable_name(dataset_name: &str) -> String {
    let mut made = String::new();
    for c in dataset_name.nfkc() {
        if is_xid_continue(c) {
            made.push(c);
        } else if !made.ends_with('_') {
            made.push('_');
        }
    }
    // A leading underscore would hide it among IPython's own names.
    let mut made: String = made.trim_matches('_').chars().take(VARIABLE_NAME_MAX_CHARS - 3).collect();
    made.truncate(made.trim_end_matches('_').len());
    if made.is_empty() {
        return FALLBACK.to_owned();
    }
    if !made.chars().next().is_some_and(is_xid_start) {
        made.insert_str(0, "df_");
    }
    if KEYWORDS.contains(&made.as_str()) || TAKEN.contains(&made.as_str()) {
        made.push_str("_df");
    }
    if is_variable_name(&made) { made } else { FALLBACK.to_owned() }
}

/// The variable names of several datasets, in their order and all different: `df` for a single one, otherwise made
/// from the names, with `_2`, `_3` where two would be the same or one of `taken` is.
#[must_use]
pub fn variable_names(dataset_names: &[&str], taken: &HashSet<String>) -> Vec<String> {
    if let ([_], true) = (dataset_names, taken.is_empty()) {
        return vec![FALLBACK.to_owned()];
    }
    let mut used = taken.clone();
    dataset_names.iter().map(|name| distinct(&variable_name(name), &mut used)).collect()
}

fn distinct(base: &str, used: &mut HashSet<String>) -> String {
    let mut name = base.to_owned();
    let mut number = 2_usize;
    while !used.insert(name.clone()) {
        let suffix = format!("_{number}");
        let room = VARIABLE_NAME_MAX_CHARS - suffix.len();
        name = base.chars().take(room).collect::<String>() + &suffix;
        number += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_become_names_of_variables() {
        for (from, to) in [
            ("movies", "movies"),
            ("Sales Report (2024)", "Sales_Report_2024"),
            ("2024 sales", "df_2024_sales"),
            ("销售 2024", "销售_2024"),
            ("ｄａｔａ", "data"),
            ("class", "class_df"),
            ("list", "list_df"),
            ("pd", "pd_df"),
            ("__name__", "name"),
            ("a/../b", "a_b"),
            ("", "df"),
            ("!!!", "df"),
            ("📈", "df"),
            ("naïve café", "naïve_café"),
            ("x'; import os", "x_import_os"),
        ] {
            assert_eq!(variable_name(from), to, "from {from:?}");
            assert!(is_variable_name(&variable_name(from)), "{from:?} gave no identifier");
        }
        let long = "很".repeat(500);
        assert!(is_variable_name(&variable_name(&long)), "a long name gave no identifier");
    }

    #[test]
    fn only_what_python_reads_as_written_is_taken() {
        for good in ["df", "_x", "销售", "café", "match", "x1"] {
            assert!(is_variable_name(good), "{good} was refused");
        }
        for bad in ["", "1x", "a b", "a-b", "class", "None", "ｄf", "a.b", "a\n", "x;y", "ﬁ"] {
            assert!(!is_variable_name(bad), "{bad:?} was taken");
        }
        for (bad, word) in [("a b", "identifier"), ("class", "keyword"), ("ｄａｔａ", "NFKC"), (&"a".repeat(65), "64")]
        {
            let why = check_variable_name(bad).expect_err("taken");
            assert!(why.contains(word), "{bad}: {why}");
        }
        assert!(is_variable_name(&"a".repeat(VARIABLE_NAME_MAX_CHARS)));
    }

    #[test]
    fn several_tables_get_different_names_and_a_single_one_is_df() {
        let none = HashSet::new();
        assert_eq!(variable_names(&["movies"], &none), ["df"]);
        assert_eq!(variable_names(&["a", "a", "a 2", "a"], &none), ["a", "a_2", "a_2_2", "a_3"]);
        let taken = HashSet::from(["movies".to_owned()]);
        assert_eq!(variable_names(&["movies"], &taken), ["movies_2"]);
        let long = "b".repeat(100);
        let made = variable_names(&[&long, &long], &none);
        assert_ne!(made[0], made[1]);
        assert!(made.iter().all(|name| is_variable_name(name)));
    }
}
