//! Whether an entry is what a filter asks for. Pure: the text is looked for as it stands, so that `%`, `_` and quotes are
//! themselves, and case is that of Unicode.

use uuid::Uuid;

use super::entry::{Entry, Filter, Outcome};

/// A filter, made ready to look at many entries.
#[derive(Debug)]
pub(super) struct Search {
    needle: String,
    outcomes: Vec<Outcome>,
    dataset_id: Option<Uuid>,
}

impl Search {
    pub(super) fn new(filter: &Filter) -> Self {
        let Filter { outcomes, dataset_id, .. } = filter;
        Self { needle: filter.text.to_lowercase(), outcomes: outcomes.clone(), dataset_id: *dataset_id }
    }

    /// Whether it may have to see the code.
    pub(super) fn reads_code(&self) -> bool {
        !self.needle.is_empty()
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
        let found = self.needle.is_empty()
            || self.is_in(&entry.preview)
            || entry.datasets.iter().any(|dataset| self.is_in(&dataset.name));
        found.then_some(true)
    }

    /// Whether an entry is wanted whose code decides.
    pub(super) fn wants_code(&self, code: &str) -> bool {
        self.is_in(code)
    }

    fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.needle)
    }
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
        search.wants(&entry()).unwrap_or_else(|| search.wants_code("SELECT_one = 'it''s' # ÄRGER \\ 中文注释"))
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
    fn code_decides_only_where_the_rest_does_not() {
        let wants = |text: &str, outcome| {
            Search::new(&Filter { text: text.into(), outcomes: vec![outcome], ..Filter::default() }).wants(&entry())
        };
        assert_eq!(wants("", Outcome::Ok), Some(true));
        assert_eq!(wants("größe", Outcome::Ok), Some(true));
        assert_eq!(wants("select", Outcome::Ok), None);
        assert_eq!(wants("select", Outcome::Lost), Some(false));
    }

    #[test]
    fn nothing_stands_for_anything_else() {
        for text in ["select%one", "%", "selectXone", "_ne ", "*", ".", "中 文", "1000"] {
            let literally = "SELECT_one = 'it''s' # ÄRGER \\ 中文注释 销售数据 2026.XLSX Größe 100%".to_lowercase();
            assert_eq!(found(text), literally.contains(text), "{text}");
        }
        assert!(!found("select%one") && !found("*"));
    }
}
