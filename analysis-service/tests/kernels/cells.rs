//! The same value has the same text in a preview of a dataset and in one of a variable.

use analysis_service::{datasets::Window, kernels::registry::NewKernel};
use fenxi_proto::analysis::v1::{Outcome, preview_variable_response::Value};
use fenxi_tables::{Cancel, ColumnSlice, ColumnarFile, Limits, ParseOptions};

use crate::house::{House, soon};

/// Makes the table in the kernel; the dataset's is made by the same.
const CODE: &str = include_str!("cells.py");
/// So few that none of their cells is cut for the sake of the others.
const COLUMNS: usize = 20;

/// What a person sees: nothing of a value that is missing.
fn seen(values: &[String], missing: impl Fn(usize) -> bool) -> Vec<Option<&str>> {
    values.iter().enumerate().map(|(row, text)| (!missing(row)).then_some(text.as_str())).collect()
}

#[tokio::test]
pub(crate) async fn a_table_looks_the_same_in_a_kernel() {
    let house = House::new().await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernels/cells.py");
    let expression = format!("(lambda made: (exec(open('{path}').read(), made), made['table'])[1])({{}})");
    let dataset = house.dataset("hard", &expression);
    let uploaded = house.tables.lock().expect("whole")[&dataset].1.clone();
    let stored = uploaded.with_extension("stored");
    fenxi_tables::convert(
        &uploaded,
        "hard.arrow",
        &ParseOptions::default(),
        &stored,
        &Limits::default(),
        &Cancel::default(),
    )
    .expect("read");
    house.tables.lock().expect("whole").insert(dataset, ("hard".to_owned(), stored.clone()));
    let file = ColumnarFile::open(&stored).expect("a table");
    let rows = usize::try_from(file.row_count()).expect("few");
    let expected = file.slice(0, rows, 0, file.column_count()).expect("cells").columns;
    let kernel = house.create(NewKernel { datasets: vec![House::table(dataset, "df")], ..House::new_kernel() }).await;
    let kernel = kernel.expect("a kernel");
    assert_eq!(house.run(&kernel, CODE).await.outcome(), Outcome::Ok);
    let mut unlike = Vec::new();
    for variable in ["df", "table", "arrow"] {
        for column_offset in (0..expected.len()).step_by(COLUMNS) {
            let window = Window { row_offset: 0, row_count: rows, column_offset, column_count: COLUMNS };
            let Some(Value::Page(page)) = soon(kernel.preview(variable, window)).await.expect("a value").value else {
                panic!("no page")
            };
            let columns = page.slice.expect("cells").columns;
            for (column, known) in columns.iter().zip(&expected[column_offset..]) {
                let ColumnSlice { name, values, missing_rows, .. } = known;
                assert_eq!(&column.name, name);
                let known = seen(values, |row| missing_rows.contains(&row));
                let found = seen(&column.values, |row| {
                    column.missing_rows.iter().any(|missing| usize::try_from(*missing) == Ok(row))
                });
                let rows = known.iter().zip(&found).filter(|(known, found)| known != found);
                unlike.extend(rows.map(|(known, found)| format!("{variable} \"{name}\": {known:?}, not {found:?}")));
            }
        }
    }
    assert!(unlike.is_empty(), "{} cells:\n{}", unlike.len(), unlike.join("\n"));
}
