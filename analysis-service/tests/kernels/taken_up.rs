//! Kernels that outlive their service, where it matters what exactly the former one had come to.

use std::time::Duration;

use analysis_service::{executions::Acceptance, kernels::model::Settings};
use fenxi_proto::analysis::v1::{Outcome, StreamName, output_event::Event};

use crate::house::{House, Ran, USER, settings, soon};

/// The supervisor is told nothing by the way.
const SELDOM: Duration = Duration::from_secs(3600);

fn kept() -> Settings {
    Settings { sample_interval: SELDOM, ..settings() }
}

#[tokio::test]
async fn what_waits_has_nothing_in_its_log_of_what_ended_before() {
    let house = House::lasting(kept()).await;
    let kernel = house.kernel().await;
    let said = house.printed(&kernel, "for i in range(20): print('old', i, flush=True)").await;
    assert_eq!(said.lines().count(), 20);
    soon(house.registry.leave()).await;
    // Its end is on disk, and what it said is kept all the same. Meanwhile another was accepted.
    let new = House::new_execution(&kernel, "print('new')");
    let Acceptance::New(view, log) = house.executions.accept(new, Vec::new(), 0).await.expect("accepted") else {
        panic!("known already")
    };
    log.leave().await;
    let next = house.next(settings()).await;
    let id = view.accepted.execution_id;
    let ran = Ran::read(next.executions.read(USER, id, 0).await.expect("a reader").1).await;
    assert_eq!((ran.text(StreamName::Stdout).as_str(), ran.outcome()), ("new\n", Outcome::Ok));
    let begun = ran.events.iter().position(|event| matches!(event, Event::Started(_)));
    assert_eq!(begun, Some(1), "{:?}", ran.events);
}
