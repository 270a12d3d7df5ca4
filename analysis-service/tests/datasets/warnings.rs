//! What the reading of a table warns of: each kind from a real file, kept, and still there after a restart.

use std::collections::{BTreeMap, BTreeSet};

use fenxi_proto::analysis::v1::{
    Dataset, GetDatasetRequest, ListDatasetsRequest, PreviewUploadRequest, TableWarning, TableWarningKind as Kind,
};
use sqlx::Connection as _;

use super::house::{House, User};

const CITIES: &str = "城市,,城市,x\n北京,1,2,3\n";
const QUOTES: &str = "a,b\n1,x\n2,\"in\" out\n3,\"q\"z\n";

/// Files that each have something to be told of.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let columns = [
        ("day", "13/02/2024", "01/02/2024"),
        ("month", "02/13/2024", "02/01/2024"),
        ("dotted", "2024.1.1", "2024.10.2"),
        ("moved", "2024-07-02T03:04:05+02:00", "2024-01-02T03:04:05+01:00"),
        ("rounded", "1.2345678901234567891", "0.5"),
        ("zeros", "1.1", "1.10"),
        ("ambiguous", "01/02/2024", "03/04/2024"),
        ("orders", "13/02/2024", "02/13/2024"),
        ("zoned", "2024-01-02T03:04:05+01:00", "2024-01-02T03:04:05"),
        ("huge", "12345678901234567890123", "1"),
        ("loses", "9007199254740993", "0.5"),
        ("codes", "12e5", "34e2"),
        ("padded", "001", "2"),
        ("dressed", "20%", "5%"),
        ("plus", "+86", "+1"),
        ("short", "3/15/24", "3/16/24"),
        ("odd", "1066-10-14", "1403-01-01"),
        ("words", "5", "-"),
    ];
    let row = |cell: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
        columns.iter().map(cell).collect::<Vec<_>>().join(",") + "\n"
    };
    let typed = [row(|c| c.0), row(|c| c.1), row(|c| c.2)].concat();
    let few = "n\n".to_owned() + &(0..30).map(|row| format!("{row}\n")).collect::<String>() + "unknown\n";
    let shapes: String = (0..2_000).map(|row| format!("{{\"by\":{{\"user {row}\":{row}}}}}\n")).collect();
    let wide = |cell: &dyn Fn(usize) -> String| (0..10_000).map(cell).collect::<Vec<_>>().join(",") + "\n";
    let wide = [wide(&|at| format!("column {at}")), wide(&|at| at.to_string()), wide(&|at| (at * 3).to_string())];
    vec![
        ("gbk.csv", b"id,sex\n1,\xc5\xae\n2,\xc5\xae\n3,\xc5\xae\n4,\xc5\xae\n5,\xc4\xd0\n".to_vec()),
        ("doubtful.csv", b"sex,n\n\xc5\xae,1\n\xc5\xae,2\n".to_vec()),
        ("empty.csv", b"a,b\n1,2,\n3,4,,\n".to_vec()),
        ("quotes.csv", QUOTES.into()),
        ("spaced.csv", b"a, b\n1, \"x, y\"\n".to_vec()),
        ("backslash.csv", b"id,j\n1,\"{\\\"a\\\":1}\"\n2,\"he said \\\"hi\\\" to me\"\n".to_vec()),
        ("cities.csv", CITIES.into()),
        ("typed.csv", typed.into_bytes()),
        ("few.csv", few.into_bytes()),
        ("kinds.json", b"[{\"a\":1,\"b\":{\"k\":1,\"k\":2}},{\"a\":\"x\"}]".to_vec()),
        ("wrapped.json", b"{\"data\":[{\"a\":1},{\"a\":2}],\"total\":2}".to_vec()),
        ("shapes.jsonl", shapes.into_bytes()),
        ("wide.csv", wide.concat().into_bytes()),
        ("troubled.xlsx", include_bytes!("../files/troubled.xlsx").to_vec()),
        ("far_moments.parquet", include_bytes!("../files/far_moments.parquet").to_vec()),
        ("kinds.parquet", include_bytes!("../../tables/tests/files/kinds.parquet").to_vec()),
        ("unknown_zone.arrow", include_bytes!("../files/unknown_zone.arrow").to_vec()),
    ]
}

async fn get(user: &User, dataset_id: &str) -> Dataset {
    let request = GetDatasetRequest { dataset_id: dataset_id.into() };
    user.client.clone().get_dataset(request).await.expect("there").into_inner().dataset.expect("one")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_comes_of_a_real_file_and_outlives_the_service() {
    let house = House::start().await;
    let user = house.user();
    let (mut made, mut told) = (Vec::new(), BTreeMap::new());
    for (name, bytes) in files() {
        let dataset = user.dataset(name, &bytes).await;
        assert!(!dataset.warnings.is_empty(), "{name} is told nothing of");
        assert!(!dataset.warnings.is_empty(), "nothing is told of {name}");
        let texts: Vec<_> = dataset.table_warnings.iter().map(|warning| warning.text.clone()).collect();
        assert_eq!(dataset.warnings, texts, "{name}");
        told.extend(dataset.table_warnings.iter().map(|warning| (warning.kind(), warning.clone())));
        made.push(dataset);
    }
    let known = (1..100).filter_map(|number| Kind::try_from(number).ok()).filter(|kind| *kind != Kind::Other);
    assert_eq!(told.keys().copied().collect::<BTreeSet<_>>(), known.collect::<BTreeSet<_>>());
    assert_figures(&told);

    let house = house.restart().await;
    let user = house.user_called(user.user_id);
    for before in made {
        assert_eq!(get(&user, &before.dataset_id).await.table_warnings, before.table_warnings, "{}", before.name);
    }
    let listed = user.client.clone().list_datasets(ListDatasetsRequest::default()).await.expect("listed").into_inner();
    assert!(listed.datasets.iter().all(|listed| listed.table_warnings.is_empty() && !listed.warnings.is_empty()));
}

/// What each kind fills.
fn assert_figures(told: &BTreeMap<Kind, TableWarning>) {
    let encodings = |kind| (told[&kind].encoding.as_str(), told[&kind].other_encoding.as_str());
    assert_eq!(encodings(Kind::EncodingGuessed), ("gb18030", ""));
    assert_eq!(encodings(Kind::EncodingDoubtful), ("utf-8", "gb18030"));
    let quoted = |kind| (told[&kind].count, told[&kind].line, told[&kind].quote.as_str());
    assert_eq!(quoted(Kind::TextAfterQuote), (2, 3, "\""));
    assert_eq!(quoted(Kind::BackslashBeforeQuote), (2, 2, "\""));
    assert_eq!((told[&Kind::TitleRows].count, told[&Kind::EmptyFields].count), (1, 2));
    assert_eq!(told[&Kind::TitleRows].left_out.len(), 1);
    let wrapped = &told[&Kind::WrappedRecords];
    assert_eq!(
        (wrapped.member.as_str(), wrapped.left_out.as_slice(), wrapped.count),
        ("data", &["total".to_owned()][..], 1)
    );
    let cells = |kind| (told[&kind].count, told[&kind].cell.as_str());
    assert_eq!(cells(Kind::CellErrors), (1, "C3"));
    assert_eq!(cells(Kind::UnstoredFormulas), (3, "B3"));
    assert_eq!(cells(Kind::LongNumbers), (2, "A3"));
    assert_eq!(cells(Kind::MergedCells), (1, "D3"));
    let renamed = &told[&Kind::SameName].columns[0];
    assert_eq!((renamed.name.as_str(), renamed.original_name.as_str()), ("城市_2", "城市"));
    assert_eq!((told[&Kind::NoName].columns[0].name.as_str(), told[&Kind::NoName].more_column_count), ("column_2", 0));
    let unlike = &told[&Kind::FewUnlike].columns[0];
    assert_eq!((unlike.name.as_str(), unlike.line, unlike.value.as_str()), ("n", 32, "unknown"));
    let placed = |kind| (told[&kind].columns[0].line, told[&kind].columns[0].value.as_str());
    assert_eq!((placed(Kind::ShortYears), placed(Kind::OddYears)), ((2, "3/15/24"), (2, "1066-10-14")));
    let word = &told[&Kind::MissingWords].columns[0];
    assert_eq!((word.name.as_str(), word.value.as_str(), word.count), ("words", "-", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_columns_five_are_named_and_the_others_counted() {
    let house = House::start().await;
    let user = house.user();
    let upload = user.send("same.csv", b"a,a,a,a,a,a,a,a\n1,2,3,4,5,6,7,8\n").await;
    let request = PreviewUploadRequest { upload_id: upload.upload_id, ..PreviewUploadRequest::default() };
    let preview = user.client.clone().preview_upload(request).await.expect("previewed").into_inner();
    let [warning] = preview.table_warnings.as_slice() else { panic!("{:?}", preview.table_warnings) };
    assert_eq!((warning.kind(), warning.columns.len(), warning.more_column_count), (Kind::SameName, 5, 2));
    assert_eq!(preview.warnings, [warning.text.as_str()]);
    assert!(warning.text.ends_with("\"a\" (now \"a_6\") and 2 more"), "{}", warning.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn sentences_from_before_warnings_had_kinds_are_told_as_they_are() {
    let house = House::start().await;
    let user = house.user();
    let dataset = user.dataset("quotes.csv", QUOTES.as_bytes()).await;
    let path = house.folder.path().join("analysis.db");
    let mut database =
        sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.expect("the database");
    let sql = "UPDATE parsed_table SET warnings = $1";
    let sentences = r#"["an old sentence", "far_moments"]"#;
    let updated = sqlx::query(sql).bind(sentences).execute(&mut database).await.expect("written");
    assert_eq!(updated.rows_affected(), 1);
    database.close().await.expect("closed");

    let house = house.restart().await;
    let old = get(&house.user_called(user.user_id), &dataset.dataset_id).await;
    assert_eq!(old.warnings, ["an old sentence", "far_moments"]);
    let told = old.warnings.iter().map(|text| {
        let mut warning = TableWarning { text: text.clone(), ..TableWarning::default() };
        warning.set_kind(Kind::Other);
        warning
    });
    assert_eq!(old.table_warnings, told.collect::<Vec<_>>());
}
