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
                || name.ends_with("/disabled.rs")
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

/// Words that PostgreSQL does not know, or takes for something else.
const SQLITE_WORDS: [&str; 40] = [
    "rowid",
    "_rowid_",
    "oid",
    "INSERT OR",
    "UPDATE OR",
    "REPLACE INTO",
    "INDEXED BY",
    "AUTOINCREMENT",
    "PRAGMA",
    "VACUUM",
    "ATTACH",
    "BEGIN IMMEDIATE",
    "GLOB",
    "REGEXP",
    "MATCH",
    "NOCASE",
    "BLOB",
    "datetime(",
    "julianday(",
    "strftime(",
    "unixepoch(",
    "json_array(",
    "json_each(",
    "json_extract(",
    "json_group_array(",
    "json_group_object(",
    "json_object(",
    "changes(",
    "group_concat(",
    "hex(",
    "IFNULL(",
    "iif(",
    "instr(",
    "last_insert_rowid(",
    "printf(",
    "randomblob(",
    "total(",
    "typeof(",
    "zeroblob(",
    "sqlite_master",
];

/// The texts in quotes of a piece of Rust, comments left out.
fn literals(code: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), code);
    while let Some(at) = rest.find(['"', '\'', '/']) {
        let (before, here) = rest.split_at(at);
        if let Some(comment) = here.strip_prefix("//") {
            rest = comment.find('\n').map_or("", |end| &comment[end..]);
        } else if let Some(quoted) = here.strip_prefix('"') {
            let hashes = before.len() - before.trim_end_matches('#').len();
            let raw = before.trim_end_matches('#').ends_with('r');
            let end = if raw { quoted.find(&format!("\"{}", "#".repeat(hashes))) } else { end_of_text(quoted) };
            let end = end.unwrap_or(quoted.len());
            found.push(quoted[..end].replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" "));
            rest = quoted.get(end + 1..).unwrap_or_default();
        } else {
            // A character, which may be a quote, or a lifetime, which has no end.
            let character = ["'\"'", "'\\\"'", "'/'", "'\\''"].into_iter().find(|text| here.starts_with(text));
            rest = &here[character.map_or(1, str::len)..];
        }
    }
    found
}

fn end_of_text(quoted: &str) -> Option<usize> {
    let mut escaped = false;
    quoted.char_indices().find_map(|(at, character)| {
        let ends = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends.then_some(at)
    })
}

/// What of a text is SQLite's own, where the text is a statement or a piece of one.
fn sqlite_only(text: &str) -> Option<String> {
    let statement = [
        "SELECT ",
        "INSERT ",
        "UPDATE ",
        "DELETE ",
        "REPLACE ",
        "VALUES ",
        "WHERE ",
        "FROM ",
        "ORDER BY",
        "LIMIT",
        "AND ",
        "PRAGMA ",
        "VACUUM",
        "BEGIN ",
        "SET ",
        "CREATE ",
        "ON CONFLICT",
    ];
    statement.iter().find(|word| text.contains(**word))?;
    // Texts within the statement say what they like.
    let outside: Vec<_> = text.split('\'').step_by(2).collect();
    let own = |at: usize, text: &str, word: &str| {
        let part = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '.';
        let after = text[at + word.len()..].starts_with(part);
        !text[..at].ends_with(part) && (word.ends_with('(') || !after)
    };
    for text in &outside {
        let lower = text.to_ascii_lowercase();
        for word in SQLITE_WORDS {
            let word = word.to_ascii_lowercase();
            if lower.match_indices(&word).any(|(at, _)| own(at, &lower, &word)) {
                return Some(word);
            }
        }
    }
    // `?` and `?1` are SQLite's, as is a literal of bytes.
    let bytes = outside.iter().rev().skip(1).any(|text| text.ends_with(" x") || text.ends_with("(x"));
    let placeholder = outside.iter().any(|text| text.contains('?'));
    if bytes { Some("x''".into()) } else { placeholder.then(|| "?".into()) }
}

#[test]
fn stores_speak_what_both_databases_understand() -> anyhow::Result<()> {
    for folder in ["chassis/src", "auth-service/src", "analysis-service/src", "gateway/src"] {
        for (name, text) in sources(folder)? {
            // The one room that is SQLite's, and the schemas, of which each database has its own.
            if name.starts_with("chassis/src/sqlite") || name.ends_with("store/steps.rs") || is_test(&name) {
                continue;
            }
            let code = code(&text);
            let found = literals(&code).iter().find_map(|text| Some((sqlite_only(text)?, text.clone())));
            assert!(found.is_none(), "{name}: {found:?} is SQLite's own: it belongs into chassis/src/sqlite");
            let named = code.lines().find(|line| line.contains("sqlx::sqlite") || line.contains("Sqlite"));
            assert!(
                named.is_none(),
                "{name} names a type of SQLite's: chassis/src/sqlite has another name for it: {named:?}"
            );
        }
    }
    for own in [
        "DELETE FROM a WHERE rowid < $1",
        "INSERT OR FAIL INTO a VALUES ($1)",
        "UPDATE OR IGNORE a SET b = $1",
        "SELECT a FROM b WHERE c = ?",
        "SELECT a FROM b WHERE c = ?1",
        "SELECT strftime('%s', a) FROM b",
        "SELECT IFNULL(a, 0) FROM b",
        "SELECT string_agg(a, x'') FROM b",
        "SELECT a FROM b WHERE c GLOB $1",
        "SELECT CAST(a AS BLOB) FROM b",
        "PRAGMA optimize",
    ] {
        assert!(sqlite_only(own).is_some(), "{own}");
    }
    for shared in [
        "INSERT INTO a (b) VALUES ($1) ON CONFLICT (b) DO UPDATE SET b = excluded.b RETURNING b",
        "SELECT total, COUNT(*), 'is it a rowid?' FROM a WHERE void = $1 LIMIT $2 + 0",
        "what is this? a datetime(",
    ] {
        assert_eq!(sqlite_only(shared), None, "{shared}");
    }
    let code = "// \"a\"\nlet b = (\"b\\\"c\", '\"', r#\"d \"e\"#); fn f<'a>(g: &'a str) { \"h \\\n   i\" }";
    assert_eq!(literals(code), ["b\\\"c", "d \"e", "h i"]);
    Ok(())
}
