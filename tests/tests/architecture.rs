//! The shape of the house, held: which way dependencies run, what each room may touch, and how large a file may grow.
//! The rules are those of docs/architecture.md; a rule that nothing checks is none.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use e2e::house::workspace;

/// Lines of code of a file above which it is not one room any more; tests and comments count too.
const FILE_LINES_MAX: usize = 400;

const CRATES: [(&str, &str, &[&str]); 9] = [
    ("proto", "fenxi-proto", &[]),
    ("chassis/sockets", "fenxi-sockets", &[]),
    ("chassis", "fenxi-chassis", &["fenxi-proto", "fenxi-sockets"]),
    ("analysis-service/supervisor", "fenxi-supervisor", &["fenxi-sockets"]),
    ("analysis-service/tables", "fenxi-tables", &[]),
    ("auth-service", "auth-service", &["fenxi-proto", "fenxi-chassis"]),
    ("analysis-service", "analysis-service", &["fenxi-proto", "fenxi-chassis", "fenxi-supervisor", "fenxi-tables"]),
    ("gateway", "gateway", &["fenxi-proto", "fenxi-chassis"]),
    ("tests", "e2e", &["fenxi-proto", "fenxi-chassis", "auth-service", "analysis-service", "gateway", "fenxi-tables"]),
];

/// The Rust files below a folder, by their path from the workspace's.
fn sources(folder: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![workspace().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("web") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = relative(&path);
                found.insert(name, fs::read_to_string(&path)?);
            }
        }
    }
    anyhow::ensure!(!found.is_empty(), "no sources in {folder}");
    Ok(found)
}

fn relative(path: &Path) -> String {
    let root = workspace();
    path.strip_prefix(&root).unwrap_or(path).display().to_string()
}

fn is_test(name: &str) -> bool {
    name.ends_with("_tests.rs")
        || name.ends_with("/tests.rs")
        || name.contains("/tests/")
        || name.contains("/benches/")
        || name.contains("/examples/")
}

/// The part of a file before its inline tests, without comments.
fn code(text: &str) -> String {
    let production = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    production.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_crate_names_one_it_may_not_know() -> anyhow::Result<()> {
    let ours: Vec<_> = CRATES.iter().map(|(_, name, _)| *name).collect();
    for (folder, name, allowed) in CRATES {
        let manifest = fs::read_to_string(workspace().join(folder).join("Cargo.toml"))?;
        for other in &ours {
            let named = manifest
                .lines()
                .any(|line| line.starts_with(&format!("{other}.")) || line.starts_with(&format!("{other} ")));
            assert!(!named || allowed.contains(other), "{name} depends on {other}");
        }
    }
    Ok(())
}

#[test]
fn sql_stands_in_stores_and_nowhere_else() -> anyhow::Result<()> {
    for folder in ["auth-service/src", "analysis-service/src", "gateway/src"] {
        for (name, text) in sources(folder)? {
            let store =
                name.contains("/store") || name.contains("_store") || name.ends_with("schema.rs") || is_test(&name);
            let sql = ["sqlx::query", "QueryBuilder", "INSERT INTO", "SELECT ", "DELETE FROM"];
            let found = sql.iter().find(|word| code(&text).contains(**word));
            assert!(store || found.is_none(), "{name} holds SQL ({found:?}): it belongs into a store");
        }
    }
    Ok(())
}

#[test]
fn features_know_no_grpc() -> anyhow::Result<()> {
    for folder in ["auth-service/src", "analysis-service/src"] {
        for (name, text) in sources(folder)? {
            let door = name.contains("/rpc")
                || name.ends_with("/lib.rs")
                || name.ends_with("/main.rs")
                || name.contains("/outbox/")
                || is_test(&name);
            assert!(door || !code(&text).contains("tonic::"), "{name} names tonic: gRPC belongs into rpc/");
        }
    }
    Ok(())
}

#[test]
fn unsafe_stands_in_one_file() -> anyhow::Result<()> {
    for (folder, _, _) in CRATES {
        for (name, text) in sources(folder)? {
            let allowed = name == "analysis-service/supervisor/src/process.rs"
                || name.starts_with("analysis-service/supervisor/src/process/");
            // Mapping a file is unsafe by its signature; the mapped files are never changed in place.
            let mapping = name.starts_with("analysis-service/tables/src/");
            // The allocator is set by a C function.
            let mapping = mapping || name == "chassis/src/memory.rs";
            let found = code(&text).lines().any(|line| line.contains("unsafe {") || line.contains("unsafe fn"));
            assert!(allowed || mapping || name.ends_with("architecture.rs") || !found, "{name} is unsafe");
        }
    }
    Ok(())
}

#[test]
fn every_file_opens_with_its_page_and_is_one_room() -> anyhow::Result<()> {
    for (folder, _, _) in CRATES {
        for (name, text) in sources(folder)? {
            assert!(!name.ends_with("/mod.rs"), "{name}: a module stands in its own file beside its folder");
            assert!(text.starts_with("//!"), "{name} does not open with a page that says what it owns");
            let lines = text.lines().count();
            assert!(is_test(&name) || lines <= FILE_LINES_MAX, "{name} has {lines} lines: split it");
        }
    }
    Ok(())
}

#[test]
fn the_wiring_is_one_page() -> anyhow::Result<()> {
    for service in ["auth-service", "analysis-service", "gateway"] {
        let path: PathBuf = workspace().join(service).join("src/main.rs");
        let lines = fs::read_to_string(&path)?.lines().count();
        assert!(lines <= 30, "{}: main only runs what lib builds", relative(&path));
    }
    Ok(())
}

/// The first LIMIT or LIKE whose operand is a parameter and nothing else.
fn bare_parameter(code: &str) -> Option<String> {
    let text = code.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ");
    [("LIMIT ", "+ 0"), ("LIKE ", "|| ''")].into_iter().find_map(|(word, rest)| {
        let bare = |at: usize| {
            let operand = &text[at + word.len()..];
            let (parameter, after) = operand.split_once(' ').unwrap_or((operand, ""));
            match parameter.chars().next() {
                Some('$' | '{' | '?' | ':' | '@') => !after.starts_with(rest),
                // The text ends here: what is bound follows it, and what follows that has to be there.
                Some('"') => !operand.split(';').next().unwrap_or_default().contains(&format!(".push(\" {rest}")),
                _ => false,
            }
        };
        let at = text.match_indices(word).map(|(at, _)| at).find(|at| bare(*at))?;
        Some(text[at..].chars().take(60).collect())
    })
}

#[test]
fn no_statement_is_planned_with_the_value_of_a_parameter() -> anyhow::Result<()> {
    for folder in ["chassis/src", "auth-service/src", "analysis-service/src"] {
        for (name, text) in sources(folder)? {
            let found = bare_parameter(&code(&text));
            assert!(
                found.is_none(),
                "{name}: {found:?} is prepared anew at every call (chassis/src/sqlite.rs says why)"
            );
        }
    }
    for bare in [
        "LIMIT $2",
        "LIMIT \\\n     $2) AS page",
        "LIMIT {5}) AS page",
        "a LIKE $1 OR b",
        ".push(\" LIMIT \").push_bind(rows); query.push(\" + 0\")",
    ] {
        assert!(bare_parameter(bare).is_some(), "{bare}");
    }
    for good in [
        "LIMIT 1",
        "LIMIT $2 + 0)",
        "LIMIT {5} + 0",
        "a LIKE $1 || '' ESCAPE",
        "LIMIT \").push_bind(1).push(\" + 0\");",
    ] {
        assert_eq!(bare_parameter(good), None, "{good}");
    }
    Ok(())
}

#[test]
fn a_bare_parameter_is_what_sqlite_prepares_anew() -> anyhow::Result<()> {
    let database = rusqlite::Connection::open_in_memory()?;
    database.execute_batch("CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES ('x'), ('y')")?;
    for (sql, value, anew) in [
        ("SELECT a FROM t ORDER BY a LIMIT $1", "1", true),
        ("SELECT a FROM t ORDER BY a LIMIT $1 + 0", "1", false),
        ("SELECT a FROM t WHERE a LIKE $1 ESCAPE '\\'", "x%", true),
        ("SELECT a FROM t WHERE a LIKE $1 || '' ESCAPE '\\'", "x%", false),
    ] {
        let mut statement = database.prepare(sql)?;
        for _ in 0..10 {
            let mut rows = match value.parse::<i64>() {
                Ok(number) => statement.query([number])?,
                Err(_) => statement.query([value])?,
            };
            assert!(rows.next()?.is_some() && rows.next()?.is_none(), "{sql}");
        }
        let times = statement.get_status(rusqlite::StatementStatus::RePrepare);
        assert_eq!(times > 0, anew, "{sql}: prepared anew {times} times in 10");
    }
    Ok(())
}
