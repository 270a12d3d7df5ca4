//! Looking into kernels: beside what runs, before they are ready, when they die, and when they do not answer.

use std::{collections::HashMap, time::Duration};

use analysis_service::{
    datasets::Window,
    kernels::{KernelHandle, model::KernelError, registry::NewKernel},
};
use fenxi_proto::analysis::v1::{
    ColumnType, KernelState, Outcome, PreviewVariableResponse, StreamName, Variable, VariableKind, mime_part::Content,
    output_event::Event, preview_variable_response::Value,
};
use futures_util::future::join_all;

use crate::house::{House, Ran, USER, soon, until_printed, until_state};

const FIRST: Window = Window { row_offset: 0, row_count: 50, column_offset: 0, column_count: 50 };

/// Waits until code has made this file.
async fn until_there(house: &House, kernel: &KernelHandle, file: &str) {
    let path = house.files.join("work").join(kernel.kernel_id().to_string()).join(file);
    soon(async {
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

async fn texts(kernel: &KernelHandle, code: &str) -> Vec<String> {
    let cursor = u32::try_from(code.chars().count()).expect("short");
    let completed = soon(kernel.complete(code, cursor)).await.expect("completed");
    completed.completions.into_iter().map(|each| each.text).collect()
}

async fn variables(kernel: &KernelHandle) -> HashMap<String, Variable> {
    let listed = soon(kernel.variables()).await.expect("listed");
    listed.variables.into_iter().map(|each| (each.name.clone(), each)).collect()
}

fn plain(preview: PreviewVariableResponse) -> String {
    let Some(Value::Bundle(bundle)) = preview.value else { panic!("no text: {preview:?}") };
    let Some(Content::Text(text)) = bundle.parts[0].content.clone() else { panic!("no text") };
    text
}

#[tokio::test]
pub(crate) async fn what_runs_is_looked_into_and_does_not_notice() {
    let house = House::new().await;
    let rows = house.dataset("sales", "pa.table({'city': ['北京', None], 'n': [1, 2]})");
    let kernel = house.create(NewKernel { datasets: vec![House::table(rows, "sales")], ..House::new_kernel() }).await;
    let kernel = kernel.expect("a kernel");
    house.run(&kernel, "text = '001'\n40 + 2").await;
    for wait in ["time.sleep(0.05)", "pass"] {
        let code = format!(
            "import os, time\nprint('on', flush=True)\nwhile not os.path.exists('go'): {wait}\n\
             os.remove('go')\nprint(_)"
        );
        let (_, mut reader) = house.send(&kernel, &code).await;
        until_printed(&mut reader, "on").await;
        for _ in 0..3 {
            assert!(texts(&kernel, "名 = '😀'; text.").await.contains(&"upper".to_owned()));
            let explained = soon(kernel.explain("text.upper(", 11, false)).await.expect("explained");
            assert!(explained.found && explained.bundle.is_some());
            let found = variables(&kernel).await;
            let sales = &found["sales"];
            assert_eq!((sales.kind(), sales.row_count, sales.column_count), (VariableKind::Table, Some(2), Some(2)));
            assert_eq!(found["text"].summary, "'001'");
            let Some(Value::Page(page)) = soon(kernel.preview("sales", FIRST)).await.expect("a value").value else {
                panic!("no page")
            };
            let slice = page.slice.expect("cells");
            assert_eq!(slice.columns[0].values, ["北京", ""]);
            assert_eq!(
                (slice.columns[0].missing_rows.as_slice(), slice.columns[1].r#type()),
                (&[1][..], ColumnType::Integer)
            );
            assert_eq!(page.columns[0].dtype, "str");
        }
        assert_eq!(kernel.snapshot().state, KernelState::Busy);
        house.go(&kernel).await;
        let ran = Ran::read(reader).await;
        assert_eq!(ran.outcome(), Outcome::Ok, "{:?}", ran.events);
        assert_eq!(ran.text(StreamName::Stdout), "42\n", "the code's own `_` was touched");
        let others = ran.events.iter().filter(|event| !matches!(event, Event::Stream(_) | Event::Finished(_))).count();
        assert_eq!(others, 0, "{:?}", ran.events);
    }
    let counts = "print(len(In), list(Out), get_ipython().execution_count - len(In))";
    assert_eq!(house.printed(&kernel, counts).await, "5 [1] 0\n");
}

#[tokio::test]
pub(crate) async fn a_question_waits_until_the_kernel_is_ready() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    // A start may take longer than a question waits, on a machine that is busy.
    loop {
        match soon(kernel.variables()).await {
            Ok(listed) => break assert!(listed.variables.is_empty() && !listed.more),
            Err(error) => assert!(matches!(error, KernelError::AskTimeout { .. }), "{error}"),
        }
    }
    assert_eq!(kernel.snapshot().state, KernelState::Idle);
}

const SLEEPING: &str = "
import time
class Sleeping:
    def __repr__(self):
        open('asked', 'w').close()
        time.sleep(600)
        return ''
class Broken:
    def __repr__(self): raise ValueError('it is broken')
class Loud:
    def __repr__(self):
        print('LOUD')
        return 'loud'
sleeping, broken, loud = Sleeping(), Broken(), Loud()";

#[tokio::test]
pub(crate) async fn a_value_that_fails_says_so_and_prints_nothing() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    house.run(&kernel, SLEEPING).await;
    let (_, mut reader) = house.send(&kernel, "print('on', flush=True)\ninput()").await;
    until_printed(&mut reader, "on").await;
    assert_eq!(plain(soon(kernel.preview("loud", FIRST)).await.expect("a value")), "loud");
    let error = soon(kernel.preview("nothing", FIRST)).await.expect_err("no such variable");
    assert!(matches!(error, KernelError::NoVariable { .. }), "{error}");
    let error = soon(kernel.preview("broken", FIRST)).await.expect_err("it raises");
    assert!(error.to_string().contains("ValueError: it is broken"), "{error}");
    let error = soon(kernel.preview("sleeping", FIRST)).await.expect_err("it sleeps");
    assert!(matches!(error, KernelError::AskTimeout { .. }), "{error}");
    let found = variables(&kernel).await;
    assert!(found["sleeping"].summary.is_empty() && !found["sleeping"].summary_error.is_empty());
    assert_eq!(found["loud"].summary, "loud");
    kernel.interrupt(true, None).await.expect("asked");
    let ran = Ran::read(reader).await;
    assert_eq!((ran.outcome(), ran.text(StreamName::Stdout).as_str()), (Outcome::Interrupted, ""));
}

#[tokio::test]
pub(crate) async fn a_kernel_that_dies_answers_those_who_wait() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    house.run(&kernel, SLEEPING).await;
    let asking = join_all((0..12).map(|_| kernel.preview("sleeping", FIRST)));
    let dying = async {
        // Some are with the kernel then, the others wait for them.
        until_there(&house, &kernel, "asked").await;
        house.run(&kernel, "import os; os._exit(3)").await
    };
    let (answers, _) = soon(futures_util::future::join(asking, dying)).await;
    for answer in answers {
        // Whoever had waited for the deadline would hear of that.
        let error = answer.expect_err("it died");
        assert!(matches!(&error, KernelError::Dead { what } if what.contains("code 3")), "{error}");
    }
    until_state(&kernel, KernelState::Dead).await;
    let error = soon(kernel.variables()).await.expect_err("it is dead");
    assert!(matches!(error, KernelError::Dead { .. }), "{error}");
    soon(house.registry.restart(USER, kernel.kernel_id(), None)).await.expect("restarted");
    until_state(&kernel, KernelState::Idle).await;
    assert!(variables(&kernel).await.is_empty());
}

#[tokio::test]
pub(crate) async fn a_kernel_that_cannot_answer_holds_nobody_up() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    house.run(&kernel, "import ctypes, sys\nx = 1\nnative = ctypes.PyDLL(None)").await;
    // Native code that does not let Python go, and no thread that may take it by turns before: from when there is a file.
    let code = "
sys.setswitchinterval(3600)
try:
    native.creat(b'inside', 0o600)
    native.sleep(60)
finally:
    sys.setswitchinterval(0.005)";
    let (_, reader) = house.send(&kernel, code).await;
    until_there(&house, &kernel, "inside").await;
    let (mut late, mut refused) = (0, 0);
    for answer in soon(join_all((0..60).map(|_| kernel.variables()))).await {
        match answer.expect_err("nothing runs beside it") {
            KernelError::AskTimeout { .. } => late += 1,
            KernelError::AskedTooMuch { .. } => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert!(late > 0 && refused > 0 && late <= 36, "{late} late, {refused} refused");
    soon(kernel.interrupt(false, None)).await.expect("asked");
    assert_eq!(Ran::read(reader).await.outcome(), Outcome::Interrupted);
    assert_eq!(variables(&kernel).await["x"].summary, "1");
}
