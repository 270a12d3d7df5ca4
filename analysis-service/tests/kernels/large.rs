//! One output that is larger than an execution may say, from a real kernel.

use fenxi_proto::analysis::v1::{Outcome, StreamName, mime_part::Content, output_event::Event};

use crate::house::House;

#[tokio::test]
async fn of_eighty_megabytes_in_one_display_what_fits_is_kept() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let code = "from IPython.display import display\n\
                display({'text/html': 'x' * (80 << 20), 'text/plain': 'a large page'}, raw=True)\nprint('after')";
    let ran = house.run(&kernel, code).await;
    assert_eq!((ran.outcome(), ran.text(StreamName::Stdout).as_str()), (Outcome::Ok, "after\n"));
    let at = ran.events.iter().position(|event| matches!(event, Event::Display(_))).expect("a display");
    let [Event::Display(display), Event::Truncated(cut), ..] = &ran.events[at..] else { panic!("no marker") };
    let parts = &display.bundle.as_ref().expect("forms").parts;
    assert!(matches!(&parts[..], [plain] if plain.content == Some(Content::Text("a large page".into()))), "{parts:?}");
    assert_eq!((cut.kept_bytes, cut.dropped_bytes, cut.limit_bytes), (12, 80 << 20, 64 << 20));
}
