//! What the cache of columnar files does, as operators see it.

use super::{
    house::{counted, numbers, until},
    library::{Library, WINDOW},
};

/// Hits, misses, files made, files let go, and bytes.
fn figures() -> [u64; 5] {
    ["hits_total", "misses_total", "builds_total", "evictions_total", "bytes"]
        .map(|figure| counted(&format!("columnar_cache_{figure}")))
}

async fn until_figures(expected: [u64; 5]) {
    until(&format!("{expected:?} are counted"), || async { (figures() == expected).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_misses_evictions_and_bytes_are_counted() {
    assert_eq!(figures(), [0; 5]);
    let library = Library::open(&[]).await;
    let dataset = library.dataset(&numbers(100)).await;
    let bytes = library.datasets.columnar_bytes();
    assert!(bytes > 0);
    assert_eq!(figures(), [0, 0, 1, 0, bytes]);
    for _ in 0..2 {
        library.datasets.preview(library.user_id, dataset.dataset_id, WINDOW).await.expect("kept");
    }
    assert_eq!(figures(), [2, 0, 1, 0, bytes]);
    let held = library.datasets.table_for_kernel(library.user_id, dataset.dataset_id).await.expect("kept");
    std::fs::remove_file(&held.path).expect("somebody emptied the cache's folder");
    library.datasets.preview(library.user_id, dataset.dataset_id, WINDOW).await.expect("made again");
    assert_eq!(figures(), [3, 1, 2, 0, bytes]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_room_is_counted_when_it_is_let_go() {
    assert_eq!(figures(), [0; 5]);
    let library = Library::open(&["--columnar-cache-max-bytes", "1"]).await;
    let dataset = library.dataset(&numbers(100)).await;
    until_figures([0, 0, 1, 1, 0]).await;
    let held = library.datasets.table_for_kernel(library.user_id, dataset.dataset_id).await.expect("made again");
    let bytes = std::fs::metadata(&held.path).expect("there").len();
    assert_eq!(figures(), [0, 1, 2, 1, bytes]);
    library.datasets.preview(library.user_id, dataset.dataset_id, WINDOW).await.expect("held");
    assert_eq!(figures(), [1, 1, 2, 1, bytes]);
    drop(held);
    until_figures([1, 1, 2, 2, 0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_whose_names_were_cut_to_fit_is_the_same_when_it_is_made_again() {
    let library = Library::open(&["--columnar-cache-max-bytes", "1"]).await;
    let names: Vec<_> = (0..3_000).map(|number| format!("{number}{}", "名".repeat(490))).collect();
    let values = vec!["1"; names.len()].join(",");
    let dataset = library.dataset(format!("{}\n{values}\n", names.join(",")).as_bytes()).await;
    assert!(dataset.table.columns[0].name.len() < names[0].len(), "they fit: this story tells nothing");
    library.datasets.preview(library.user_id, dataset.dataset_id, WINDOW).await.expect("made again");
}
