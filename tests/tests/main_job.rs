//! The main job, end to end: sign in, upload a real table, analyse it in a live kernel, find it in the history.

use anyhow::Context as _;
use e2e::{
    client::{Client, request_id},
    house::{House, Part},
    tables,
};
use fenxi_proto::{
    analysis::v1::{
        ColumnType, ExecuteRequest, GetDatasetRequest, GetKernelRequest, KernelState, Outcome, PreviewDatasetRequest,
        StreamName, WatchExecutionRequest, output_event::Event,
    },
    auth::v1::GetCurrentUserRequest,
    history::v1::{DeleteHistoryEntryRequest, GetHistoryEntryRequest, UndeleteHistoryEntryRequest},
};

#[tokio::test]
async fn a_person_signs_in_uploads_analyses_and_finds_it_again() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    assert!(house.setup_token().is_none(), "the set-up token outlived its use");

    let cars = ada.upload_file(&tables::vega("cars.json")?).await?;
    assert_eq!((cars.row_count, cars.column_count), (406, 9));
    let request = GetDatasetRequest { dataset_id: cars.dataset_id.clone() };
    let columns = ada.datasets().get_dataset(request).await?.into_inner().dataset.context("no dataset")?.columns;
    let horsepower = columns.iter().find(|column| column.name == "Horsepower").context("no Horsepower")?;
    assert_eq!(horsepower.r#type(), ColumnType::Integer, "integers with gaps are integers");
    assert_eq!(horsepower.summary.as_ref().map(|summary| summary.missing_count), Some(6));

    let kernel = ada.kernel(&[(&cars.dataset_id, "cars")]).await?;
    let run = ada.run(&kernel.kernel_id, "print('rows', len(cars))\ncars['Horsepower'].sum()").await?;
    assert_eq!(run.outcome(), Outcome::Ok);
    assert_eq!(run.printed(StreamName::Stdout), "rows 406\n");
    assert_eq!(run.result().map(|text| text.contains("42033")), Some(true), "{:?}", run.result());

    let failed = ada.run(&kernel.kernel_id, "cars['no such column']").await?;
    assert_eq!(failed.outcome(), Outcome::Error);

    let entries = ada.history_of(2).await?;
    assert_eq!(entries.iter().map(|entry| entry.outcome()).collect::<Vec<_>>(), [Outcome::Error, Outcome::Ok]);
    let newest = entries.last().context("no entry")?;
    assert_eq!(newest.execution_id, run.execution_id);
    assert_eq!(newest.datasets.first().map(|dataset| dataset.variable_name.as_str()), Some("cars"));
    let request = GetHistoryEntryRequest { history_entry_id: newest.history_entry_id.clone() };
    let whole = ada.history().get_history_entry(request).await?.into_inner();
    assert_eq!(whole.outputs, run.events, "the history tells what the execution said");
    assert!(whole.entry.context("no entry")?.code.starts_with("print("));

    let me = ada.auth().get_current_user(GetCurrentUserRequest {}).await?.into_inner();
    let sums = me.statistics.context("no statistics")?;
    assert_eq!((sums.total, sums.succeeded, sums.failed, sums.datasets), (2, 1, 1, 1));

    house.stop().await
}

#[tokio::test]
async fn values_are_as_they_were_uploaded() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let csv = "编号,日期,金额,备注\n001,2024-01-31,1.50,\"他说\"\"好\"\"\"\n002,2024-02-29,,a'b\n";
    let (gbk, _, lossy) = encoding(csv);
    assert!(!lossy);
    let dataset = ada.upload("订单.csv", gbk).await?;
    assert_eq!(dataset.options.as_ref().map(|options| options.encoding.as_str()), Some("gb18030"));
    let request = PreviewDatasetRequest { dataset_id: dataset.dataset_id.clone(), ..PreviewDatasetRequest::default() };
    let slice = ada.datasets().preview_dataset(request).await?.into_inner().slice.context("no slice")?;
    let values: Vec<_> = slice.columns.iter().map(|column| column.values.join("|")).collect();
    assert_eq!(values, ["001|002", "2024-01-31|2024-02-29", "1.5|", "他说\"好\"|a'b"]);

    let kernel = ada.kernel(&[(&dataset.dataset_id, "")]).await?;
    let code = "print(df['编号'].tolist(), df['日期'].dt.year.tolist(), df['备注'].tolist())\ndf.loc[0, '金额'] = 9\ndf['金额'].sum()";
    let run = ada.run(&kernel.kernel_id, code).await?;
    assert_eq!(run.outcome(), Outcome::Ok, "{:?}", run.events);
    assert_eq!(run.printed(StreamName::Stdout), "['001', '002'] [2024, 2024] ['他说\"好\"', \"a'b\"]\n");
    assert_eq!(run.result(), Some("np.float64(9.0)"));
    house.stop().await
}

fn encoding(text: &str) -> (Vec<u8>, &'static str, bool) {
    let (bytes, used, lossy) = encoding_rs::GBK.encode(text);
    (bytes.into_owned(), used.name(), lossy)
}

#[tokio::test]
async fn history_survives_an_absent_auth_service_and_a_killed_one() -> anyhow::Result<()> {
    let mut house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let kernel = ada.kernel(&[]).await?;
    ada.run(&kernel.kernel_id, "0").await?;
    ada.history_of(1).await?;

    // Five executions are accepted, one after the other; the first waits until auth-service is gone.
    let gate = house.folder().join("analysis/work").join(&kernel.kernel_id).join("gate");
    let waits = "1\nimport os, time\nwhile not os.path.exists('gate'): time.sleep(0.01)";
    let codes = [waits, "2", "3", "4", "5"];
    let mut streams = Vec::new();
    for code in codes {
        let request = ExecuteRequest {
            kernel_id: kernel.kernel_id.clone(),
            code: code.into(),
            request_id: request_id(),
            ..ExecuteRequest::default()
        };
        let mut stream = ada.executions().execute(request).await?.into_inner();
        stream.message().await?.context("not accepted")?;
        streams.push(stream);
    }
    house.kill_part(Part::Auth).await?;
    std::fs::write(&gate, "")?;
    for mut stream in streams {
        let mut last = None;
        while let Some(message) = stream.message().await? {
            last = message.event.or(last);
        }
        let Some(Event::Finished(end)) = last.and_then(|event| event.event) else { anyhow::bail!("no end") };
        assert_eq!(end.outcome(), Outcome::Ok);
    }
    house.start_part(Part::Auth).await?;
    let entries = ada.history_of(6).await?;
    let titles: Vec<_> = entries.iter().map(|entry| entry.title.as_str()).collect();
    assert_eq!(titles, ["5", "4", "3", "2", "1", "0"], "lost, doubled or out of order");
    house.stop().await
}

#[tokio::test]
async fn the_history_shows_a_failure_before_what_it_cancelled() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let kernel = ada.kernel(&[]).await?;
    ada.run(&kernel.kernel_id, "'first'").await?;
    let gate = house.folder().join("analysis/work").join(&kernel.kernel_id).join("gate");
    let fails = "import os, time\nwhile not os.path.exists('gate'): time.sleep(0.01)\n1/0".to_owned();
    let codes: Vec<_> = std::iter::once(fails).chain((0..12).map(|number| format!("{number}"))).collect();
    let mut streams = Vec::new();
    for code in &codes {
        let request = ExecuteRequest {
            kernel_id: kernel.kernel_id.clone(),
            code: code.clone(),
            request_id: request_id(),
            ..ExecuteRequest::default()
        };
        let mut stream = ada.executions().execute(request).await?.into_inner();
        stream.message().await?.context("not accepted")?;
        streams.push(stream);
    }
    std::fs::write(&gate, "")?;
    for mut stream in streams {
        while stream.message().await?.is_some() {}
    }
    let entries = ada.history_of(14).await?;
    let outcomes: Vec<_> = entries.iter().rev().skip(1).map(|entry| entry.outcome()).collect();
    assert_eq!((outcomes[0], outcomes[1..].to_vec()), (Outcome::Error, vec![Outcome::Cancelled; 12]));
    let titles: Vec<_> = entries.iter().rev().skip(2).map(|entry| entry.title.clone()).collect();
    assert_eq!(titles, codes[1..]);
    house.stop().await
}

#[tokio::test]
async fn an_execution_goes_on_without_its_watcher() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let kernel = ada.kernel(&[]).await?;
    let request = fenxi_proto::analysis::v1::ExecuteRequest {
        kernel_id: kernel.kernel_id.clone(),
        code: "import time\nfor i in range(20):\n    print(i, flush=True)\n    time.sleep(0.05)".into(),
        request_id: request_id(),
        ..Default::default()
    };
    let mut first = ada.executions().execute(request.clone()).await?.into_inner();
    let execution_id =
        first.message().await?.and_then(|message| message.execution).context("no execution")?.execution_id;
    let seen = loop {
        let message = first.message().await?.context("the stream ended early")?;
        if let Some(event) = message.event.filter(|event| event.sequence >= 3) {
            break event.sequence;
        }
    };
    drop(first);

    let request_again = WatchExecutionRequest { execution_id: execution_id.clone(), after_sequence: seen };
    let mut second = ada.executions().watch_execution(request_again).await?.into_inner();
    let mut next = seen + 1;
    while let Some(message) = second.message().await? {
        if let Some(event) = message.event {
            assert_eq!(event.sequence, next, "lost or doubled");
            next += 1;
        }
    }
    // The same request is the same execution: attached from its beginning, run once.
    let mut whole = e2e::client::Run::default();
    let mut third = ada.executions().execute(request).await?.into_inner();
    while let Some(message) = third.message().await? {
        if let Some(execution) = message.execution {
            assert_eq!(execution.execution_id, execution_id);
        }
        whole.events.extend(message.event);
    }
    whole.check()?;
    let lines: String = (0..20).map(|i| format!("{i}\n")).collect();
    assert_eq!(whole.printed(StreamName::Stdout), lines);
    ada.history_of(1).await?;
    house.stop().await
}

#[tokio::test]
async fn a_kernel_that_dies_says_so_and_can_be_brought_back() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let kernel = ada.kernel(&[]).await?;
    let run = ada.run(&kernel.kernel_id, "import os\nos._exit(1)").await?;
    assert_eq!(run.outcome(), Outcome::Killed);
    let death = run.finished().and_then(|end| end.death.clone()).context("no death")?;
    assert_eq!((death.cause(), death.exit_code), (fenxi_proto::analysis::v1::DeathCause::Exit, 1));
    let request = GetKernelRequest { kernel_id: kernel.kernel_id.clone() };
    let state = async || {
        let kernel = ada.kernels().get_kernel(request.clone()).await?.into_inner().kernel;
        anyhow::Ok(kernel.context("no kernel")?.state())
    };
    // What ran in it has its end before.
    while state().await? != KernelState::Dead {}
    let request = fenxi_proto::analysis::v1::RestartKernelRequest {
        kernel_id: kernel.kernel_id.clone(),
        request_id: request_id(),
    };
    ada.kernels().restart_kernel(request).await?;
    assert_eq!(ada.run(&kernel.kernel_id, "6 * 7").await?.result(), Some("42"));
    house.stop().await
}

#[tokio::test]
async fn a_deleted_entry_comes_back_and_is_nobody_elses() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let bob = ada.member(&house, "bob").await?;
    let kernel = ada.kernel(&[]).await?;
    ada.run(&kernel.kernel_id, "1 + 1").await?;
    let entry = ada.history_of(1).await?.remove(0);

    let foreign = GetHistoryEntryRequest { history_entry_id: entry.history_entry_id.clone() };
    let unknown = GetHistoryEntryRequest { history_entry_id: request_id() };
    let foreign = bob.history().get_history_entry(foreign).await.expect_err("somebody else's");
    let unknown = bob.history().get_history_entry(unknown).await.expect_err("nobody's");
    assert_eq!(
        (foreign.code(), foreign.message(), foreign.details()),
        (unknown.code(), unknown.message(), unknown.details())
    );
    let foreign = bob.run(&kernel.kernel_id, "1").await.expect_err("somebody else's kernel");
    assert!(format!("{foreign:#}").contains("no such resource"), "{foreign:#}");

    let history_entry_id = entry.history_entry_id;
    let request = DeleteHistoryEntryRequest { history_entry_id: history_entry_id.clone(), request_id: request_id() };
    ada.history().delete_history_entry(request).await?;
    assert_eq!(ada.history_page().await?, (vec![], 0));
    let request = UndeleteHistoryEntryRequest { history_entry_id, request_id: request_id() };
    ada.history().undelete_history_entry(request).await?;
    assert_eq!(ada.history_page().await?.1, 1);
    house.stop().await
}
