//! What lists and records of JSON would lose as arrays: digits of their numbers, all but one value of a key that a record has
//! twice, and the order of their members, which is given back. The text is JSON, which was seen before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_schema::{DataType, FieldRef};

use crate::values::{self, number};

/// Largest whole number that a float holds exactly with all below it.
const EXACT_FLOAT_MAX: u64 = 1 << 53;

/// What would be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Nothing, though numbers may have more digits than a float.
    Nothing {
        rounded: bool,
    },
    Digits,
    Keys,
}

/// A place within the values of a column: under a key, or in a list.
#[derive(Default)]
struct Node<'a> {
    keys: HashMap<&'a str, usize>,
    item: Option<usize>,
    /// It holds floats, and whole numbers that no float holds.
    has_floats: bool,
    has_big: bool,
}

/// A list or record that is open.
struct Open<'a> {
    node: usize,
    /// The keys of the record so far; none for a list.
    seen: Option<HashSet<&'a str>>,
}

/// All values of a column.
#[derive(Default)]
pub(super) struct Walk<'a> {
    nodes: Vec<Node<'a>>,
    rounded: bool,
    lost: Option<Loss>,
}

impl<'a> Walk<'a> {
    pub(super) fn finish(self) -> Loss {
        if let Some(lost) = self.lost {
            return lost;
        }
        let loses = self.nodes.iter().any(|node| node.has_floats && node.has_big);
        if loses { Loss::Digits } else { Loss::Nothing { rounded: self.rounded } }
    }

    /// The type of the values, with the members of records in the order in which the text has them first: what found the type
    /// has them by their names.
    pub(super) fn in_order(&self, data_type: &DataType) -> DataType {
        self.of_node(Some(0), data_type)
    }

    fn of_node(&self, node: Option<usize>, data_type: &DataType) -> DataType {
        let Some(node) = node.and_then(|node| self.nodes.get(node)) else { return data_type.clone() };
        let of_field =
            |field: &FieldRef, node| field.as_ref().clone().with_data_type(self.of_node(node, field.data_type()));
        match data_type {
            DataType::List(item) => DataType::List(Arc::new(of_field(item, node.item))),
            DataType::Struct(fields) => {
                let name = |key: &str| serde_json::from_str::<String>(key).ok();
                let places = node.keys.iter().filter_map(|(key, node)| Some((name(key)?, *node)));
                let places: HashMap<String, usize> = places.collect();
                let place = |field: &FieldRef| places.get(field.name()).copied();
                let mut fields: Vec<FieldRef> = fields.iter().cloned().collect();
                // Places are counted as they are found.
                fields.sort_by_key(|field| place(field).unwrap_or(usize::MAX));
                DataType::Struct(fields.iter().map(|field| of_field(field, place(field))).collect())
            }
            other => other.clone(),
        }
    }

    /// Looks at one value.
    pub(super) fn take(&mut self, text: &'a str) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let bytes = text.as_bytes();
        let mut open: Vec<Open> = Vec::new();
        // The place of the next value, and whether the next text is a key.
        let (mut node, mut at_key, mut at) = (0, false, 0);
        while let (Some(byte), None) = (bytes.get(at), self.lost) {
            match byte {
                b'{' => {
                    open.push(Open { node, seen: Some(HashSet::new()) });
                    at_key = true;
                }
                b'[' => {
                    open.push(Open { node, seen: None });
                    node = self.item(node);
                }
                b'}' | b']' => {
                    open.pop();
                    at_key = false;
                }
                b',' => match open.last() {
                    Some(Open { seen: Some(_), .. }) => at_key = true,
                    Some(Open { node: list, seen: None }) => node = self.item(*list),
                    None => {}
                },
                b'"' => {
                    let end = end_of_text(bytes, at);
                    if std::mem::take(&mut at_key)
                        && let Some(Open { node: record, seen: Some(seen) }) = open.last_mut()
                    {
                        let key = &text[at..end];
                        if !seen.insert(key) {
                            self.lost = Some(Loss::Keys);
                        }
                        node = self.key(*record, key);
                    }
                    at = end;
                    continue;
                }
                b'-' | b'0'..=b'9' => {
                    let digits = bytes[at..].iter().take_while(|b| b"+-.eE0123456789".contains(b)).count();
                    self.number(node, &bytes[at..at + digits]);
                    at += digits;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn number(&mut self, node: usize, digits: &[u8]) {
        let kinds = values::classify(digits);
        let int = if kinds & values::INT == 0 { None } else { number::int(digits) };
        let Some(node) = self.nodes.get_mut(node) else { return };
        match int {
            Some(value) => node.has_big |= value.unsigned_abs() > EXACT_FLOAT_MAX,
            None if kinds & values::FLOAT != 0 => {
                node.has_floats = true;
                self.rounded |= kinds & values::ROUNDED != 0;
            }
            None => self.lost = Some(Loss::Digits),
        }
    }

    fn item(&mut self, list: usize) -> usize {
        if let Some(item) = self.nodes[list].item {
            return item;
        }
        let item = self.new_node();
        self.nodes[list].item = Some(item);
        item
    }

    fn key(&mut self, record: usize, key: &'a str) -> usize {
        if let Some(node) = self.nodes[record].keys.get(key) {
            return *node;
        }
        let node = self.new_node();
        self.nodes[record].keys.insert(key, node);
        node
    }

    fn new_node(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }
}

/// Behind the quote that ends the text which begins at `start`.
fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}
