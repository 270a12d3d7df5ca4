//! Statements over several rows at once, in a few fixed sizes, so that each is prepared once and stays cached: the driver's
//! cost is by the statement.

/// The sizes, largest first; the last has to be 1. Powers of two: any number of rows up to 127 is at most seven statements,
/// and a half of them on average.
const SIZES: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

/// One statement in every size.
#[derive(Debug)]
pub struct Shapes([(usize, &'static str); SIZES.len()]);

impl Shapes {
    /// `head`, then `row` once or more with `between` in between, then `tail`. In `row`, `{1}` and so on stand for its own
    /// parameters, of which there are `parameters`; there are no others. Made once a process: the texts are never freed.
    #[must_use]
    pub fn new(head: &str, row: &str, between: &str, tail: &str, parameters: usize) -> Self {
        let in_order = in_order(row, parameters);
        Self(SIZES.map(|size| {
            let own = |at| in_order.clone().unwrap_or_else(|| numbered(row, at * parameters, parameters));
            let rows: Vec<_> = (0..size).map(own).collect();
            (size, &*format!("{head}{}{tail}", rows.join(between)).leak())
        }))
    }

    /// The items in pieces, each with the statement of its size.
    pub fn chunks<'s, 'i, T>(
        &'s self,
        items: &'i [T],
    ) -> impl Iterator<Item = (&'static str, &'i [T])> + use<'s, 'i, T> {
        let mut rest = items;
        std::iter::from_fn(move || {
            let (size, sql) = *self.0.iter().find(|(size, _)| *size <= rest.len())?;
            let (piece, others) = rest.split_at(size);
            rest = others;
            Some((sql, piece))
        })
    }

    /// The items in as few pieces as there can be, each with the smallest statement that it fits into. What is left of a
    /// statement is not bound, which is NULL: the statement has to leave out those rows.
    pub fn padded<'s, 'i, T>(
        &'s self,
        items: &'i [T],
    ) -> impl Iterator<Item = (&'static str, &'i [T])> + use<'s, 'i, T> {
        items.chunks(SIZES[0]).map(|piece| (self.fitting(piece.len()).1, piece))
    }

    /// The smallest statement that so many items fit into, with its size; the largest one for more than that.
    #[must_use]
    pub fn fitting(&self, items: usize) -> (usize, &'static str) {
        let fits = self.0.iter().rev().find(|(size, _)| *size >= items);
        *fits.unwrap_or(&self.0[0])
    }
}

/// The row without numbers, where it has each parameter once and in order: a word of SQLite's own. Those with a name, which
/// numbers are to it, are looked up by it at every call, each in a list of all the others.
fn in_order(row: &str, parameters: usize) -> Option<String> {
    let mut pieces = row.split('{');
    let mut text = pieces.next()?.to_owned();
    for own in 1..=parameters {
        text.push('?');
        text.push_str(pieces.next()?.strip_prefix(&format!("{own}}}"))?);
    }
    pieces.next().is_none().then_some(text)
}

fn numbered(row: &str, before: usize, parameters: usize) -> String {
    (1..=parameters)
        .fold(row.to_owned(), |text, own| text.replace(&format!("{{{own}}}"), &format!("${}", before + own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_parameters_of_its_own_and_no_item_is_left_out() {
        let shapes = Shapes::new("INSERT INTO t VALUES ", "({1}, {2}, {1})", ", ", " RETURNING a", 2);
        let items: Vec<_> = (0..64 + 64 + 16 + 4 + 1).collect();
        let pieces: Vec<_> = shapes.chunks(&items).collect();
        assert_eq!(pieces.iter().map(|(_, piece)| piece.len()).collect::<Vec<_>>(), [64, 64, 16, 4, 1]);
        assert_eq!(pieces.iter().flat_map(|(_, piece)| piece.iter().copied()).collect::<Vec<_>>(), items);
        let four = "INSERT INTO t VALUES ($1, $2, $1), ($3, $4, $3), ($5, $6, $5), ($7, $8, $7) RETURNING a";
        assert_eq!(pieces[3].0, four);
        let fitting = [0, 1, 3, 4, 5, 64, 65].map(|items| shapes.fitting(items).0);
        assert_eq!(fitting, [1, 1, 4, 4, 8, 64, 64]);
    }
    #[test]
    fn parameters_in_order_have_no_names() {
        let one = |row, parameters| Shapes::new("", row, ", ", "", parameters).fitting(2).1;
        assert_eq!(one("({1}, {2})", 2), "(?, ?), (?, ?)");
        assert_eq!(one("({2}, {1})", 2), "($2, $1), ($4, $3)");
        assert_eq!(one("({1}, {1})", 1), "($1, $1), ($2, $2)");
    }

    #[test]
    fn padded_pieces_are_few() {
        let shapes = Shapes::new("", "{1}", ", ", "", 1);
        let items: Vec<_> = (0..64 + 27).collect();
        let pieces: Vec<_> =
            shapes.padded(&items).map(|(sql, piece)| (sql.matches('?').count(), piece.len())).collect();
        assert_eq!(pieces, [(64, 64), (32, 27)]);
        assert_eq!(shapes.padded(&items[..0]).count(), 0);
    }
}
