//! Whether an entry is what a filter asks for. Pure: each word is looked for as it stands, so that `%`, `_` and quotes are
//! themselves, and case is that of Unicode.

use uuid::Uuid;

use super::entry::{Entry, Filter, Outcome};

/// Words that are looked for one by one, each through all of the code; what comes behind is the last one as it stands.
const WORDS_MAX: usize = 16;

/// A filter, made ready to look at many entries.
#[derive(Debug)]
pub(super) struct Search {
    words: Vec<String>,
    outcomes: Vec<Outcome>,
    dataset_id: Option<Uuid>,
}

impl Search {
    pub(super) fn new(filter: &Filter) -> Self {
        let Filter { outcomes, dataset_id, .. } = filter;
        Self { words: words(&filter.text.to_lowercase()), outcomes: outcomes.clone(), dataset_id: *dataset_id }
    }

    /// Whether it may have to see the code.
    pub(super) fn reads_code(&self) -> bool {
        !self.words.is_empty()
    }

    /// Whether the entry is one of those wanted; `None` if its code decides. The times are the store's business.
    pub(super) fn wants(&self, entry: &Entry) -> Option<bool> {
        if !self.outcomes.is_empty() && !self.outcomes.contains(&entry.outcome) {
            return Some(false);
        }
        if let Some(id) = self.dataset_id
            && !entry.datasets.iter().any(|dataset| dataset.dataset_id == id)
        {
            return Some(false);
        }
        (self.words.is_empty() || self.missing_in(entry).next().is_none()).then_some(true)
    }

    /// Whether an entry is wanted whose code decides.
    pub(super) fn wants_code(&self, entry: &Entry, code: &str) -> bool {
        let code = code.to_lowercase();
        self.missing_in(entry).all(|word| code.contains(word))
    }

    /// The words that are neither in the preview nor in the name of a dataset.
    fn missing_in(&self, entry: &Entry) -> impl Iterator<Item = &str> {
        let names = entry.datasets.iter().map(|dataset| &dataset.name);
        let texts: Vec<_> = names.chain([&entry.preview]).map(|text| text.to_lowercase()).collect();
        let words = self.words.iter().map(String::as_str);
        words.filter(move |word| !texts.iter().any(|text| text.contains(word)))
    }
}

/// What stands between spaces; no more of it than [`WORDS_MAX`].
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = if words.len() + 1 < WORDS_MAX { rest.find(char::is_whitespace) } else { None };
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
        words.push(word.to_owned());
        rest = behind.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{
        super::entry::{Dataset, Outcome},
        *,
    };

    fn entry() -> Entry {
        Entry {
            id: Uuid::nil(),
            execution_id: Uuid::nil(),
            kernel_id: Uuid::nil(),
            title: "t".into(),
            outcome: Outcome::Ok,
            datasets: vec![Dataset {
                dataset_id: Uuid::nil(),
                name: "销售数据 2026.XLSX".into(),
                variable_name: "df".into(),
            }],
            start_time: None,
            end_time: 0,
            duration_micros: 0,
            preview: "Größe 100%".into(),
            delete_time: None,
        }
    }

    fn found(text: &str) -> bool {
        let filter = Filter { text: text.into(), ..Filter::default() };
        let search = Search::new(&filter);
        let code = "SELECT_one = 'it''s' # ÄRGER \\ 中文注释";
        search.wants(&entry()).unwrap_or_else(|| search.wants_code(&entry(), code))
    }

    #[test]
    fn text_is_found_in_any_case_and_any_script() {
        for text in
            ["", "select", "ärger", "中文", "销售", "xlsx", "GRÖSSE 100".replace("SS", "ß").as_str(), "IT''S", "\\"]
        {
            assert!(found(text), "{text} was not found");
        }
    }

    #[test]
    fn every_word_is_found_wherever_it_stands() {
        for text in ["ärger select", " 100%  größe ", "xlsx 中文", "销售\u{3000}one größe", " "] {
            assert!(found(text), "{text} was not found");
        }
        for text in ["select two", "销售 nothing", "größe select nothing"] {
            assert!(!found(text), "{text} was found");
        }
    }

    #[test]
    fn words_are_few() {
        let many = (0..WORDS_MAX + 2).map(|at| format!("w{at}")).collect::<Vec<_>>().join("  ");
        let words = words(&many);
        assert_eq!(words.len(), WORDS_MAX);
        assert_eq!(words.last().map(String::as_str), Some("w15  w16  w17"), "the rest as it stands");
    }

    #[test]
    fn code_decides_only_where_the_rest_does_not() {
        let wants = |text: &str, outcome| {
            Search::new(&Filter { text: text.into(), outcomes: vec![outcome], ..Filter::default() }).wants(&entry())
        };
        assert_eq!(wants("", Outcome::Ok), Some(true));
        assert_eq!(wants("größe", Outcome::Ok), Some(true));
        assert_eq!(wants("select", Outcome::Ok), None);
        assert_eq!(wants("größe select", Outcome::Ok), None);
        assert_eq!(wants("select", Outcome::Lost), Some(false));
    }

    #[test]
    fn nothing_stands_for_anything_else() {
        for text in ["select%one", "%", "selectXone", "*", ".", "1000"] {
            let literally = "SELECT_one = 'it''s' # ÄRGER \\ 中文注释 销售数据 2026.XLSX Größe 100%".to_lowercase();
            assert_eq!(found(text), literally.contains(text), "{text}");
        }
        assert!(!found("select%one") && !found("*"));
    }
}
