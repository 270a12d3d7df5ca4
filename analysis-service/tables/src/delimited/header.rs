//! Whether a first row names the columns, judged as a person would: by how it differs from what stands below it.

use crate::values::temporal::{self, Order};
use crate::values::{self, Held};

/// Years a column of a table by years may be named for.
const YEARS: std::ops::RangeInclusive<i64> = 1500..=2200;
/// Whole numbers by equal steps that are no accident of data.
const EVEN_LABELS_MIN: usize = 3;
/// Whole numbers that rise and are no accident of data.
const RISING_LABELS_MIN: usize = 5;

/// Whether `first` names the columns of `rows`. Cells are trimmed text.
pub(crate) fn is_header(first: &[String], rows: &[Vec<String>]) -> bool {
    let kinds = |cell: &String| values::classify(cell.as_bytes());
    let text = |cell: &String| !cell.is_empty() && kinds(cell) & values::TEXT != 0;
    if rows.is_empty() {
        return first.iter().all(|cell| cell.is_empty() || text(cell)) && first.iter().any(text);
    }
    if labels_across(first, rows) {
        return true;
    }
    let (mut speaks_for, mut speaks_against, mut words) = (0, 0, 0);
    for (at, name) in first.iter().enumerate() {
        let below = rows.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.is_empty());
        let below = below.fold(0, |joined, cell| joined | kinds(cell));
        let typed = below & !values::NA != 0 && values::decide(below).0 != Held::Text;
        if name.is_empty() {
            continue;
        }
        let numbers = below & !(values::NUMBERS | values::NA) == 0;
        match (text(name), typed) {
            (false, true) if numbers && is_word(name) => words += 1,
            (true, true) => speaks_for += 1,
            (false, _) => speaks_against += 1,
            (true, false) => {}
        }
    }
    // Sodium is NA, and a name may be True; alone, such a word is a value.
    if speaks_for == 0 {
        speaks_against += words;
    }
    if speaks_for != speaks_against {
        return speaks_for > speaks_against;
    }
    speaks_against == 0 && first.iter().any(text)
}

/// A marker of a missing value or a boolean that is a word, and may be a name.
fn is_word(cell: &String) -> bool {
    let kinds = values::classify(cell.as_bytes());
    kinds & (values::NA | values::BOOL) != 0 && cell.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Whether a name or more and numbers or dates that rise name the columns, as those of a table by years do. The rows tell
/// it from data: below labels stand numbers, and not such as the labels are themselves.
fn labels_across(first: &[String], rows: &[Vec<String>]) -> bool {
    let kinds = |cell: &String| values::classify(cell.as_bytes());
    let odd = values::PADDED | values::DRESSED | values::HUGE | values::SHORT_YEAR | values::ODD_YEAR;
    let (names, labels): (Vec<usize>, Vec<usize>) =
        (0..first.len()).filter(|at| !first[*at].is_empty()).partition(|at| kinds(&first[*at]) & values::TEXT != 0);
    // A name stands once; what stands below again is a value.
    let name = |at: &usize| !rows.iter().any(|row| row.get(*at) == Some(&first[*at]));
    if !names.iter().all(name) || names.iter().all(|at| kinds(&first[*at]) & odd != 0) {
        return false;
    }
    let below = || labels.iter().flat_map(|at| rows.iter().filter_map(|row| row.get(*at)));
    let below = || below().filter(|cell| kinds(cell) & values::NA == 0 && !cell.is_empty());
    let number = |cell: &String| kinds(cell) & !values::NUMBERS == 0;
    let across = |row: &Vec<String>| labels.iter().map(|at| whole(row.get(*at)?)).collect::<Option<Vec<_>>>();
    let over_numbers = below().next().is_some() && below().all(number);
    let dates = labels.iter().map(|at| day(&first[*at])).collect::<Option<Vec<_>>>();
    if let Some(days) = dates {
        return over_numbers && rises(&days);
    }
    let times = labels.iter().map(|at| time(&first[*at])).collect::<Option<Vec<_>>>();
    if let Some(times) = times {
        return over_numbers && times.is_sorted_by(|a, b| a < b);
    }
    if let Some(fractions) = labels.iter().map(|at| fraction(&first[*at])).collect::<Option<Vec<_>>>() {
        let rises = fractions.is_sorted_by(|a, b| a < b);
        return fractions.len() >= EVEN_LABELS_MIN
            && rises
            && over_numbers
            && below().all(|cell| whole(cell).is_some());
    }
    let Some(numbers) = labels.iter().map(|at| whole(&first[*at])).collect::<Option<Vec<_>>>() else { return false };
    let most = |found: usize, of: usize| found * 2 > of;
    if labels.is_empty() || !rises(&numbers) {
        return false;
    }
    if numbers.iter().all(|number| YEARS.contains(number)) {
        let years = below().filter(|cell| whole(cell).is_some_and(|number| YEARS.contains(&number))).count();
        let like_years = below().filter(|cell| cell.len() == 4 && whole(cell).is_some()).count();
        return match numbers.len() {
            // One number of four digits may be an amount like those below.
            1 => over_numbers && !most(like_years, below().count()),
            2 => !most(years, below().count()),
            _ => even(&numbers) || !most(years, below().count()),
        };
    }
    let rows_that = |test: fn(&[i64]) -> bool| rows.iter().filter(|row| across(row).is_some_and(|n| test(&n))).count();
    if !over_numbers {
        return false;
    }
    (numbers.len() >= EVEN_LABELS_MIN && even(&numbers) && !most(rows_that(even), rows.len()))
        || (numbers.len() >= RISING_LABELS_MIN && !most(rows_that(rises), rows.len()))
}

fn whole(cell: &String) -> Option<i64> {
    (values::classify(cell.as_bytes()) & !values::NEGATIVE == values::INT).then(|| cell.parse().ok())?
}

fn fraction(cell: &String) -> Option<f64> {
    (values::classify(cell.as_bytes()) & values::PLACES != 0).then(|| cell.parse().ok())?
}

/// Seconds and nanoseconds of a time of day.
fn time(cell: &String) -> Option<(i64, i64)> {
    let is_time = values::classify(cell.as_bytes()) == values::TIME;
    is_time.then(|| temporal::parse_time(cell.as_bytes()).map(|time| (time.secs, time.nanos)))?
}

/// Days since 1970, of a date in plain order.
fn day(cell: &String) -> Option<i64> {
    let is_day = values::classify(cell.as_bytes()) & (values::PLAIN | values::DAY) == values::PLAIN | values::DAY;
    is_day.then(|| temporal::parse(cell.as_bytes())?.days(Order::Plain).map(i64::from))?
}

fn rises(numbers: &[i64]) -> bool {
    numbers.windows(2).all(|pair| pair[0] < pair[1])
}

/// Whether they rise by equal steps.
fn even(numbers: &[i64]) -> bool {
    let step = |pair: &[i64]| pair[1].checked_sub(pair[0]);
    rises(numbers) && numbers.windows(2).all(|pair| step(pair) == step(&numbers[..2]))
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

    #[test]
    fn numbers_and_dates_may_name_columns() {
        for lines in [
            &["name,city,2024", "Ann,Paris,5"][..],
            &["name,city,2024", "Ann,Paris,5.5", "Bob,Rome,1200", "Eve,Oslo,17"],
            &["country,2015,2020,2021", "CN,1,2,3", "FR,4,5,6"],
            &["country,2015,2020", "CN,1.5,2", "FR,,6"],
            &["country,2019,2020,2021", "CN,1990,2000,2010"],
            &["country,2019,2020", "CN,..,3"],
            &["country,2019,2020,2021", "CN,,,"],
            &["name,1,2,3,4,5,6,7,8,9,10,11,12", "Ann,5,3,4,1,1,2,9,9,7,1,0,3"],
            &["name,0,1,2", "Ann,5,3,4", "Bob,1,1,1"],
            &["name,5,10,20,50,100", "Ann,5,3,4,1,1", "Bob,0.5,,1,2,3"],
            &["姓名,2024-01-01,2024-02-01", "张三,5,7", "李四,,8"],
            &["name,2024-01-01", "Ann,5"],
            &["a,b,2023,2024", "x,1,2,3", "y,4,5,6"],
            &["gene,0.5,1.0,2.5", "A,1,2,3", "B,1,2,3"],
            &["name,08:00,09:00,10:00", "Ann,1,2,3", "Bob,4,5,6"],
            &["Na,Cl", "1.2,3.4", "2.2,1.1"],
            &["True,False,n", "3,4,5", "6,7,8"],
        ] {
            assert!(header(lines), "{lines:?}");
        }
    }

    #[test]
    fn numbers_and_dates_beside_texts_are_mostly_data() {
        for lines in [
            &["Ann,Paris,5", "Bob,Rome,7"][..],
            &["Ann,Paris,2024", "Bob,Rome,2023"],
            &["Ann,Paris,1800", "Bob,Rome,2500", "Eve,Oslo,9100"],
            &["Ann,1990,2015", "Bob,1985,2010"],
            &["Ann,1,2", "Bob,5,3"],
            &["Ann,3,15,200", "Bob,7,2,9"],
            &["Ann,1,2,3", "Bob,2,3,4", "Eve,5,6,7"],
            &["Ann,1,5,7,20,31", "Bob,2,3,9,10,11", "Eve,1,2,4,8,16"],
            &["Ann,2024-01-01,2024-02-01", "Bob,2024-03-01,2024-05-01"],
            &["Ann,2024-01-01,5", "Bob,2024-03-01,6"],
            &["north,2024", "south,17", "north,3"],
            &["007,1,2,3", "008,9,1,4"],
            &["1,2,3", "9,7,1"],
            &["Ann,2024", "Bob,unknown"],
            &["Ann,NA,2024", "Bob,3,7"],
            &["NA,Ann", "1,Bob"],
            &["NA,3", "1,4"],
            &["True,x", "False,y"],
            &["Ann,0.5,1.0,2.5", "Bob,0.1,0.7,3.5"],
            &["Ann,08:00,09:00", "Bob,08:30,10:00"],
        ] {
            assert!(!header(lines), "{lines:?}");
        }
    }
}
