//! Records that stand in a list of one record around them, as programs answer: `{"data": [{...}, ...], "total": 2}`. The list is
//! the table where it is the only one of records and nothing follows.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Array, Records};
use crate::warning::{LISTED_MAX, Warning};

/// The record around the table.
pub(super) struct Wrapped {
    /// The member that is the table.
    member: String,
    /// The names of the first few others.
    others: Vec<String>,
    /// How many others there are in all.
    count: u64,
}

impl Wrapped {
    /// Looks at the whole of the first record; with `partial`, at what there is of it.
    pub(super) fn find(data: &[u8], partial: bool) -> Option<Self> {
        if !data.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        let mut members = Members::default();
        let mut parser = serde_json::Deserializer::from_slice(data);
        match parser.deserialize_map(&mut members).and_then(|()| parser.end()) {
            Ok(()) => {}
            Err(error) if partial && error.is_eof() => {}
            Err(_) => return None,
        }
        let Members { list, lists, others, count, .. } = members;
        let member = list.filter(|_| lists == 1)?;
        Some(Self { member, others, count })
    }

    /// Reads the table.
    pub(super) fn read<'de, R: serde_json::de::Read<'de>>(
        &self,
        parser: &mut serde_json::Deserializer<R>,
        records: &mut Records,
    ) -> serde_json::Result<()> {
        parser.deserialize_map(Table { member: &self.member, records })
    }

    /// What to say of the members that were left out.
    pub(super) fn warning(&self) -> Option<Warning> {
        Warning::of_wrapped(&self.member, &self.others, self.count)
    }
}

/// The members of a record, as far as they were seen.
#[derive(Default)]
struct Members {
    /// The name of the one whose value is read.
    name: Option<String>,
    /// The last that is a list of records, and how many are.
    list: Option<String>,
    lists: usize,
    others: Vec<String>,
    count: u64,
}

impl<'de> Visitor<'de> for &mut Members {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key::<String>()? {
            self.name = Some(name);
            map.next_value_seed(Member(self))?;
            if let Some(other) = self.name.take() {
                self.count += 1;
                if self.others.len() < LISTED_MAX {
                    self.others.push(other);
                }
            }
        }
        Ok(())
    }
}

/// The value of the member that is named.
struct Member<'a>(&'a mut Members);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Values that are no list of records.
macro_rules! other {
    ($($visit:ident: $kind:ty),*) => {
        $(fn $visit<E>(self, _: $kind) -> Result<(), E> { Ok(()) })*
    };
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    other!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<(), S::Error> {
        let first = seq.next_element::<&'de RawValue>()?;
        if first.is_some_and(|first| first.get().starts_with('{')) {
            self.0.list = self.0.name.take();
            self.0.lists += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// Reads the member that is the table, and passes over the others.
struct Table<'a, 'r, 'l> {
    member: &'a str,
    records: &'r mut Records<'l>,
}

impl<'de> Visitor<'de> for Table<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == self.member {
                map.next_value_seed(Array(&mut *self.records))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
