//! Real tables, as they ship inside packages, and a workbook: each is read as a person would read it, or refused with the
//! line that is in the way.

use std::path::Path;

use anyhow::{Context as _, ensure};
use e2e::{
    client::Client,
    house::{House, python},
    tables,
};
use fenxi_proto::analysis::v1::{ColumnType, GetDatasetRequest, Outcome, StreamName};
use tokio::process::Command;

/// Each with its rows, and a letter for each column's type: of text, a whole number, a number, a date, a moment.
const TABLES: [(&str, i64, &str); 17] = [
    ("airports.csv", 3_376, "tttttff"),
    ("anscombe.json", 44, "tff"),
    ("barley.json", 120, "ftit"),
    ("burtin.json", 16, "tffftt"),
    ("cars.json", 406, "tfifiifdt"),
    ("crimea.json", 24, "diii"),
    ("driving.json", 55, "tiif"),
    ("iowa-electricity.csv", 51, "dti"),
    ("iris.json", 150, "fffft"),
    ("la-riots.csv", 63, "ttittdtttff"),
    ("ohlc.json", 44, "dfffftf"),
    ("seattle-temps.csv", 8_759, "mf"),
    ("seattle-weather.csv", 1_461, "dfffft"),
    ("sf-temps.csv", 8_759, "fm"),
    ("stocks.csv", 560, "tdf"),
    ("us-employment.csv", 120, "diiiiiiiiiiiffffiiiiiiii"),
    ("wheat.json", 52, "tff"),
];

async fn types(ada: &Client, dataset_id: &str) -> anyhow::Result<String> {
    let request = GetDatasetRequest { dataset_id: dataset_id.into() };
    let dataset = ada.datasets().get_dataset(request).await?.into_inner().dataset.context("no dataset")?;
    let letter = |column: &fenxi_proto::analysis::v1::Column| match column.r#type() {
        ColumnType::Text => 't',
        ColumnType::Integer => 'i',
        ColumnType::Float => 'f',
        ColumnType::Date => 'd',
        ColumnType::Datetime => 'm',
        _ => '?',
    };
    Ok(dataset.columns.iter().map(letter).collect())
}

#[tokio::test]
async fn tables_of_packages_have_the_types_that_a_person_expects() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    for (name, rows, expected) in TABLES {
        let dataset = ada.upload_file(&tables::vega(name)?).await.with_context(|| name.to_owned())?;
        let found = types(&ada, &dataset.dataset_id).await?;
        ensure!((dataset.row_count, found.as_str()) == (rows, expected), "{name}: {} {found}", dataset.row_count);
    }
    house.stop().await
}

/// scikit-learn's begin with a line of counts, which no table has.
#[tokio::test]
async fn a_line_that_is_none_of_a_table_is_named_and_without_it_the_table_is_read() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    for (name, rows, columns) in [("wine_data.csv", 178, 14), ("breast_cancer.csv", 569, 31)] {
        let path = tables::sklearn(name)?;
        let refusal = ada.upload_file(&path).await.expect_err(name).to_string();
        ensure!(refusal.contains(&format!("line 2: {columns} fields found")), "{name}: {refusal}");
        let text = std::fs::read_to_string(&path)?;
        let (_, table) = text.split_once('\n').context("one line")?;
        let dataset = ada.upload(name, table.as_bytes().to_vec()).await?;
        ensure!((dataset.row_count, dataset.column_count) == (rows, columns), "{name}: {dataset:?}");
    }
    house.stop().await
}

const WORKBOOK: &str = "
import datetime, sys, openpyxl
book = openpyxl.Workbook()
sheet = book.active
sheet.title = '订单'
sheet.append(['编号', 'when', 'paid', 'amount', 'note'])
sheet.append(['001', datetime.date(2024, 2, 29), True, 1234.5, '好'])
sheet.append(['002', datetime.date(2024, 3, 1), False, None, \"a'b\\\"c\"])
book.create_sheet('more').append(['x', 'y'])
book['more'].append([1, datetime.datetime(2024, 1, 2, 3, 4, 5)])
book.save(sys.argv[1])
";

async fn workbook(path: &Path) -> anyhow::Result<()> {
    let made = Command::new(python()).args(["-c", WORKBOOK]).arg(path).output().await?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

#[tokio::test]
async fn a_workbook_comes_to_the_kernel_as_it_is() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("orders.xlsx");
    workbook(&path).await?;
    let dataset = ada.upload_file(&path).await?;
    ensure!(dataset.options.as_ref().is_some_and(|options| options.sheet == "订单"), "{:?}", dataset.options);
    let kernel = ada.kernel(&[(&dataset.dataset_id, "df")]).await?;
    let code = "print(df['编号'].tolist(), df['when'].dt.strftime('%F').tolist(), df['paid'].tolist(), df['amount'].isna().tolist(), \
                df['amount'].sum(), df['note'].tolist())";
    let run = ada.run(&kernel.kernel_id, code).await?;
    ensure!(run.outcome() == Outcome::Ok, "{:?}", run.events);
    let printed = run.printed(StreamName::Stdout);
    let expected =
        "['001', '002'] ['2024-02-29', '2024-03-01'] [True, False] [False, True] 1234.5 ['好', 'a\\'b\"c']\n";
    ensure!(printed == expected, "{printed}");
    house.stop().await
}
