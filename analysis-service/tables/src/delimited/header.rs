//! Whether a first row names the columns, judged as a person would: by how it differs from what stands below it.

use crate::values::{self, Held};

/// Years a column of a table by years may be named for.
const YEARS: std::ops::RangeInclusive<i64> = 1500..=2200;

/// Whether `first` names the columns of `rows`. Cells are trimmed text.
pub(crate) fn is_header(first: &[String], rows: &[Vec<String>]) -> bool {
    let kinds = |cell: &String| values::classify(cell.as_bytes());
    let text = |cell: &String| !cell.is_empty() && kinds(cell) & values::TEXT != 0;
    if rows.is_empty() {
        return first.iter().all(|cell| cell.is_empty() || text(cell)) && first.iter().any(text);
    }
    if years_across(first) {
        return true;
    }
    let (mut speaks_for, mut speaks_against) = (0, 0);
    for (at, name) in first.iter().enumerate() {
        let below = rows.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.is_empty());
        let below = below.fold(0, |joined, cell| joined | kinds(cell));
        let typed = below & !values::NA != 0 && values::decide(below).0 != Held::Text;
        if name.is_empty() {
            continue;
        }
        match (text(name), typed) {
            (true, true) => speaks_for += 1,
            (false, _) => speaks_against += 1,
            (true, false) => {}
        }
    }
    if speaks_for != speaks_against {
        return speaks_for > speaks_against;
    }
    speaks_against == 0 && first.iter().any(text)
}

/// A name or more, then years: a table with a column a year.
fn years_across(first: &[String]) -> bool {
    let year = |cell: &String| cell.parse().ok().filter(|year| YEARS.contains(year));
    let years: Vec<i64> = first.iter().filter_map(year).collect();
    let steps = years.windows(2).all(|pair| pair[1] - pair[0] == years[1] - years[0] && pair[1] != pair[0]);
    let others = || first.iter().filter(|cell| year(cell).is_none());
    years.len() >= 2 && steps && others().count() >= 1 && others().all(|cell| cell.parse::<f64>().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(lines: &[&str]) -> bool {
        let rows: Vec<Vec<String>> = lines.iter().map(|l| l.split(',').map(str::to_owned).collect()).collect();
        is_header(&rows[0], &rows[1..])
    }

    #[test]
    fn a_first_row_that_differs_is_a_header() {
        assert!(header(&["name,age", "Ann,3"]));
        assert!(header(&["姓名,城市", "张三,北京"]));
        assert!(header(&["name,city"]));
        assert!(header(&[",a,b", "0,1,2"]));
        assert!(header(&["country,2019,2020,2021", "CN,1,2,3"]));
    }

    #[test]
    fn a_first_row_like_the_others_is_data() {
        assert!(!header(&["1,2", "3,4"]));
        assert!(!header(&["1,2"]));
        assert!(!header(&["2024-01-01,x", "2024-01-02,y"]));
        assert!(!header(&["Ann,3", "Bob,4"]));
    }
}
