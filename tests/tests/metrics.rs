//! What the services count is there from their start on, and on the page that says what it means.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::ensure;
use e2e::house::{House, Part, workspace};

#[tokio::test]
async fn every_counter_is_there_before_anything_was_counted() -> anyhow::Result<()> {
    let house = House::start().await?;
    let page = fs::read_to_string(workspace().join("docs/monitoring.md"))?;
    for (part, folders) in [
        (Part::Auth, &["auth-service/src", "chassis/src"][..]),
        (Part::Analysis, &["analysis-service/src", "chassis/src"]),
        (Part::Gateway, &["gateway/src"]),
    ] {
        let metrics = reqwest::get(format!("http://{}/metrics", house.admin(part))).await?.text().await?;
        let mut names = BTreeSet::new();
        for folder in folders {
            counters(&workspace().join(folder), &mut names)?;
        }
        ensure!(!names.is_empty(), "{part:?} counts nothing");
        for name in names {
            let there = metrics.lines().any(|line| line.starts_with(&name));
            ensure!(there, "{part:?}: {name} comes with its first event alone: put it to what begins at zero");
            ensure!(page.contains(&format!("`{name}")), "docs/monitoring.md does not say what {name} is");
        }
    }
    house.stop().await
}

/// The names of counters in the sources below a folder: texts that end in `_total`, as Prometheus has it.
fn counters(folder: &Path, names: &mut BTreeSet<String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            counters(&path, names)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path)?;
            names.extend(text.split('"').filter(|name| is_counter(name)).map(str::to_owned));
        }
    }
    Ok(())
}

fn is_counter(text: &str) -> bool {
    text.ends_with("_total") && text.chars().all(|char| char.is_ascii_lowercase() || char == '_')
}
