//! Everything that code says arrives, in order, whatever it is.

use std::time::Duration;

use analysis_service::executions::run::Runner;
use fenxi_proto::analysis::v1::{Outcome, StreamName, mime_part::Content, output_event::Event};
use futures_util::FutureExt as _;
use uuid::Uuid;

use crate::house::{House, Ran, USER, next, soon, until, until_printed};

#[tokio::test]
pub(crate) async fn one_and_one() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let ran = house.run(&kernel, "1+1").await;
    assert_eq!((ran.outcome(), ran.result().as_str()), (Outcome::Ok, "2"));
    assert!(matches!(ran.events[0], Event::Queued(_)), "{:?}", ran.events);
    assert!(matches!(&ran.events[1], Event::Started(started) if started.execution_count == 1), "{:?}", ran.events);
    assert!(ran.end.peak_memory_bytes > 10 << 20 && ran.end.cpu_duration.is_some(), "{:?}", ran.end);
    let ran = house.run(&kernel, "_ + 1").await;
    assert!(matches!(&ran.events[1], Event::Started(started) if started.execution_count == 2), "{:?}", ran.events);
    assert_eq!(ran.result(), "3");
}

#[tokio::test]
pub(crate) async fn a_hundred_thousand_lines_and_twenty_thousand_flushed() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let numbers = |count: usize| (0..count).map(|n| format!("{n}\n")).collect::<String>();
    assert!(house.printed(&kernel, "for i in range(100_000): print(i)").await == numbers(100_000), "lines are lost");
    let code = "import sys\nfor i in range(20_000): print(i, flush=True)";
    assert!(house.printed(&kernel, code).await == numbers(20_000), "flushed lines are lost");
}

#[tokio::test]
pub(crate) async fn twenty_megabytes_in_one_display() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let code = "from IPython.display import display\ndisplay({'image/png': b'\\x89PNG' + bytes(20 << 20)}, raw=True)";
    let ran = house.run(&kernel, code).await;
    assert_eq!(ran.outcome(), Outcome::Ok);
    let display = ran.events.iter().find_map(|event| match event {
        Event::Display(display) => display.bundle.as_ref()?.parts.first()?.content.clone(),
        _ => None,
    });
    let Some(Content::Reference(reference)) = display else { panic!("no reference: {display:?}") };
    assert_eq!(reference.size_bytes, 4 + (20 << 20));
}

#[tokio::test]
pub(crate) async fn every_kind_of_output() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let code = "
import sys
from IPython.display import clear_output, display, update_display, HTML
print('out'); print('err', file=sys.stderr)
display(HTML('<b>x</b>'), display_id='d')
update_display(HTML('<b>y</b>'), display_id='d')
clear_output(wait=True)
1/0";
    let ran = house.run(&kernel, code).await;
    assert_eq!(ran.outcome(), Outcome::Error);
    assert_eq!((ran.text(StreamName::Stdout).as_str(), ran.text(StreamName::Stderr).as_str()), ("out\n", "err\n"));
    let has = |wanted: fn(&Event) -> bool| assert!(ran.events.iter().any(wanted), "{:?}", ran.events);
    has(|event| matches!(event, Event::Display(display) if display.display_id == "d"));
    has(|event| matches!(event, Event::UpdateDisplay(update) if update.display_id == "d"));
    has(|event| matches!(event, Event::ClearOutput(clear) if clear.wait));
    has(|event| matches!(event, Event::Error(error) if error.name == "ZeroDivisionError" && error.traceback.len() > 1));
}

#[tokio::test]
pub(crate) async fn children_and_native_code_print_too() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    // Many times, because what comes at the very end of a cell is what gets lost.
    for number in 0..20 {
        let code = format!(
            "import subprocess, os\n_ = subprocess.run(['echo', 'child {number}'])\n_ = os.write(2, b'raw\\n')"
        );
        let ran = house.run(&kernel, &code).await;
        assert_eq!(ran.text(StreamName::Stdout), format!("child {number}\n"));
        assert_eq!(ran.text(StreamName::Stderr), "raw\n");
    }
}

#[tokio::test]
pub(crate) async fn broken_text_and_odd_characters_are_no_end() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let code = "print('a\\ud800b\\0c 分析 \\U0001f600')\nimport os\n_ = os.write(1, b'\\xff\\xfe\\n')";
    let text = house.printed(&kernel, code).await;
    assert!(text.contains("分析 😀") && text.starts_with('a'), "{text:?}");
}

#[tokio::test]
pub(crate) async fn input_is_asked_for_and_given() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let code = "import getpass\nname = input('name? ')\nsecret = getpass.getpass('secret? ')\nprint(name, len(secret))";
    let (execution_id, mut reader) = house.send(&kernel, code).await;
    let Event::InputRequest(asked) = until(&mut reader, |event| matches!(event, Event::InputRequest(_))).await else {
        panic!("no question")
    };
    assert_eq!((asked.prompt.as_str(), asked.password), ("name? ", false));
    let answer =
        |id: &str, value: &str| soon(kernel.reply_input(execution_id, (id.to_owned(), value.to_owned()), None));
    assert!(answer("another", "x").await.is_err(), "an answer to nothing was taken");
    answer(&asked.input_id, "小明").await.expect("taken");
    assert!(answer(&asked.input_id, "x").await.is_err(), "a second answer was taken");
    let Some(Event::InputReply(given)) = next(&mut reader).await else { panic!("no answer in the log") };
    assert_eq!(given.value, "小明");
    let Event::InputRequest(asked) = until(&mut reader, |event| matches!(event, Event::InputRequest(_))).await else {
        panic!("no question")
    };
    assert!(asked.password);
    answer(&asked.input_id, "hush").await.expect("taken");
    let ran = Ran::read(reader).await;
    assert_eq!(ran.text(StreamName::Stdout), "小明 4\n");
    assert!(!format!("{:?}", ran.events).contains("hush"), "the secret stands in the log");
}

#[tokio::test]
pub(crate) async fn a_refused_request_is_refused_to_everyone_who_repeats_it() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let runner = Runner::new(house.executions.clone(), house.registry.clone());
    let (execution_id, mut reader) = house.send(&kernel, "print(input('? '))").await;
    let Event::InputRequest(asked) = until(&mut reader, |event| matches!(event, Event::InputRequest(_))).await else {
        panic!("no question")
    };
    let answer = |input_id: &str, request_id: u128| {
        let input = (input_id.to_owned(), "yes".to_owned());
        runner.reply_input(USER, execution_id, input, Some(Uuid::from_u128(request_id)))
    };
    let (first, second) = soon(async { tokio::join!(answer("another", 1), answer("another", 1)) }).await;
    assert!(first.is_err() && second.is_err(), "{first:?} {second:?}");
    // A caller who leaves at once.
    assert!(answer("another", 2).now_or_never().is_none());
    let again = soon(answer("another", 2)).await;
    assert!(again.is_err(), "it was never carried out");
    assert!(answer(&asked.input_id, 3).now_or_never().is_none());
    soon(answer(&asked.input_id, 3)).await.expect("given");
    assert_eq!(Ran::read(reader).await.text(StreamName::Stdout), "yes\n");
}

#[tokio::test]
pub(crate) async fn a_thread_prints_on_where_someone_looks() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let code = "import threading\ngo = threading.Event()\ndef late():\n    go.wait()\n    print('from the thread', flush=True)\n\
                t = threading.Thread(target=late)\nt.start()";
    assert_eq!(house.run(&kernel, code).await.outcome(), Outcome::Ok);
    let text = house.printed(&kernel, "go.set(); t.join(); print('here', flush=True)").await;
    assert!(text.contains("from the thread\n") && text.contains("here\n"), "{text}");
}

#[tokio::test]
pub(crate) async fn what_a_thread_prints_between_two_cells_is_in_the_next() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let code = "import threading, time\ndef late():\n    time.sleep(0.5)\n    print('meanwhile', flush=True)\n\
                t = threading.Thread(target=late)\nt.start()";
    assert_eq!(house.run(&kernel, code).await.outcome(), Outcome::Ok);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let text = house.printed(&kernel, "t.join(); print('here', flush=True)").await;
    assert_eq!(text, "meanwhile\nhere\n", "what nobody looked at is lost");
}

#[tokio::test]
pub(crate) async fn a_chart_with_chinese_text_and_a_plotly_figure() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let code = "
import warnings
warnings.simplefilter('error')
import matplotlib.pyplot as plt
plt.plot([1, -2]); plt.title('销量分析')
plt.show()";
    let ran = house.run(&kernel, code).await;
    assert_eq!((ran.outcome(), ran.text(StreamName::Stderr).as_str()), (Outcome::Ok, ""), "{:?}", ran.events);
    let has_form = |ran: &Ran, mime_type: &str| {
        ran.events.iter().any(|event| {
            let bundle = match event {
                Event::Display(display) => display.bundle.as_ref(),
                Event::Result(result) => result.bundle.as_ref(),
                _ => None,
            };
            bundle.is_some_and(|bundle| bundle.parts.iter().any(|part| part.mime_type == mime_type))
        })
    };
    assert!(has_form(&ran, "image/png"), "{:?}", ran.events);
    let ran = house.run(&kernel, "import plotly.express as px\npx.line(x=[1, 2], y=[3, 4])").await;
    assert!(has_form(&ran, "application/vnd.plotly.v1+json"), "{:?}", ran.outcome());
}

#[tokio::test]
pub(crate) async fn errors_that_ipython_only_prints_are_errors() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let group = "
def fail():
    try:
        raise ExceptionGroup('two of them', [ValueError('first'), KeyError('second')])
    except* KeyError: pass
fail()";
    let after = "
try:
    raise ExceptionGroup('before', [ValueError('first')])
except ExceptionGroup: raise RuntimeError('after')";
    let tasks = "
import asyncio
async def fails(): raise OSError('in a task')
async with asyncio.TaskGroup() as group: group.create_task(fails())";
    let cases = [
        (group, "ExceptionGroup", ["Cell In[", "ValueError: first"]),
        (after, "RuntimeError", ["ValueError: first", "RuntimeError: after"]),
        (tasks, "ExceptionGroup", ["Cell In[", "OSError: in a task"]),
        ("%nosuch", "UsageError", ["UsageError", "`%nosuch` not found"]),
        ("%%nosuch\n1", "UsageError", ["UsageError", "`%%nosuch` not found"]),
    ];
    for (code, name, told) in cases {
        let ran = house.run(&kernel, code).await;
        assert_eq!(ran.outcome(), Outcome::Error, "{code}");
        let errors = ran.events.iter().filter_map(|event| match event {
            Event::Error(error) => Some(error),
            _ => None,
        });
        let [error] = errors.collect::<Vec<_>>()[..] else { panic!("{code}: {:?}", ran.events) };
        let traceback = error.traceback.join("\n");
        assert_eq!(error.name, name, "{traceback}");
        assert!(told.iter().all(|told| traceback.contains(told)), "{traceback}");
        assert!(!traceback.contains("interactiveshell"), "{traceback}");
        assert_eq!(ran.text(StreamName::Stderr), "", "{code}");
    }
}

#[tokio::test]
pub(crate) async fn help_on_a_name_is_shown() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let ran = house.run(&kernel, "len?").await;
    assert!(format!("{:?}", ran.events).contains("Return the number of items"), "{:?}", ran.events);
}

#[tokio::test]
pub(crate) async fn a_kernel_that_never_stops_talking_is_heard_and_interrupted() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let (execution_id, mut reader) = house.send(&kernel, "while True: print('x' * 1000)").await;
    until_printed(&mut reader, "x").await;
    assert!(soon(kernel.cancel(execution_id, None)).await);
    assert_eq!(Ran::read(reader).await.outcome(), Outcome::Interrupted);
    assert_eq!(house.run(&kernel, "1+1").await.result(), "2");
}

#[tokio::test]
pub(crate) async fn many_large_buffers_do_not_hold_a_cell_up() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    // More than is kept of a kernel, in messages that are no output.
    let code = "
from comm import create_comm
channel = create_comm(target_name='x')
for _ in range(200): channel.send({}, buffers=[b'x' * (1 << 20)])
print('done')";
    assert_eq!(house.printed(&kernel, code).await, "done\n");
}

/// Has the reply hold this.
fn replies(content: &str) -> String {
    format!(
        "
session = get_ipython().kernel.session
send = session.send
def odd(stream, kind, content=None, *rest, **more):
    if kind == 'execute_reply':
        session.send = send
        content = {content}
    return send(stream, kind, content, *rest, **more)
session.send = odd"
    )
}

#[tokio::test]
pub(crate) async fn a_reply_that_cannot_be_read_is_an_end_all_the_same() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let long = "{'status': 'ok', 'payload': [{'source': 'page', 'data': {'text/plain': 'x' * (97 << 20)}}]}";
    for content in ["{'status': 'ok', 'payload': None, 'ename': None}", "{'status': 7}", long] {
        let ran = house.run(&kernel, &replies(content)).await;
        assert_eq!(ran.outcome(), Outcome::Ok, "{content}: {:?}", ran.events);
    }
    let ran = house.run(&kernel, &format!("{}\n1/0", replies("{'status': 7}"))).await;
    assert_eq!(ran.outcome(), Outcome::Error, "{:?}", ran.events);
    assert_eq!(house.run(&kernel, "1+1").await.result(), "2");
}

/// Has whatever the kernel says after its reply, `idle` among it, come late: `late` runs in the thread that sends.
fn after_the_reply(late: &str) -> String {
    format!(
        "
import time
kernel = get_ipython().kernel
finish = kernel.finish_metadata
def after_all(parent, *rest):
    kernel.finish_metadata = finish
    {late}
    return finish(parent, *rest)
kernel.finish_metadata = after_all"
    )
}

#[tokio::test]
pub(crate) async fn what_comes_long_after_the_reply_is_kept() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let late = "kernel.iopub_thread.io_loop.add_callback(time.sleep, 5); \
                kernel.send_response(kernel.iopub_socket, 'stream', {'name': 'stdout', 'text': 'late'})";
    let ran = house.run(&kernel, &after_the_reply(late)).await;
    assert_eq!((ran.outcome(), ran.text(StreamName::Stdout).as_str()), (Outcome::Ok, "late"), "{:?}", ran.events);
    assert_eq!(house.run(&kernel, "1+1").await.result(), "2");
}

#[tokio::test]
pub(crate) async fn a_limit_that_is_reached_after_the_reply_changes_no_outcome() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    house.run(&kernel, "1+1").await;
    let late = "kernel.iopub_thread.io_loop.add_callback(time.sleep, 12)";
    let limit = Some(Duration::from_secs(8));
    let (_, reader) = house.send_with(&kernel, &after_the_reply(late), limit, false).await;
    let ran = Ran::read(reader).await;
    assert_eq!(ran.outcome(), Outcome::Ok, "{:?}", ran.events);
    assert!(!ran.events.iter().any(|event| matches!(event, Event::Notice(_))), "{:?}", ran.events);
    assert_eq!(house.run(&kernel, "1+1").await.result(), "2", "an interrupt was sent");
}

#[tokio::test]
pub(crate) async fn a_kernel_that_does_not_say_that_it_is_idle_holds_nothing_up() {
    let house = House::new().await;
    let kernel = house.kernel().await;
    let late = "publish = kernel._publish_status; \
                kernel._publish_status = lambda status, *rest: status == 'busy' and \
                (setattr(kernel, '_publish_status', publish), publish(status, *rest))";
    let ran = house.run(&kernel, &after_the_reply(late)).await;
    assert_eq!(ran.outcome(), Outcome::Ok, "{:?}", ran.events);
    assert_eq!(house.run(&kernel, "1+1").await.result(), "2");
}
