//! Other kinds of kernels from outside: listed, asked for by name, refused, and known by the next service.

use analysis_service::{config::Config, config::PREFIX};
use fenxi_chassis::{clock::Clock, config, program::Frame};
use fenxi_proto::{
    analysis::v1::{
        CreateKernelRequest, GetKernelRequest, KernelSpec, KernelSpecStart, ListKernelSpecsRequest, Outcome,
        RestartKernelRequest,
    },
    error::{ErrorReason, reason_of},
};
use tonic_types::StatusExt as _;

use crate::{
    house::{House, end, id, python, soon, texts},
    specs::{describe, stock},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_is_listed_asked_for_and_kept() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    describe(dir.path(), "stock", &stock(&python(), "signal"));
    let mut house = House::start_with(vec!["--kernel-specs-dir".into(), dir.path().into()]).await;
    let user = house.user();
    let listed = user.kernels.clone().list_kernel_specs(ListKernelSpecsRequest {}).await.expect("listed");
    let spec = |name: &str, display_name: &str, start: KernelSpecStart, inspectable| KernelSpec {
        name: name.into(),
        display_name: display_name.into(),
        language: "python".into(),
        loads_tables: true,
        start: start.into(),
        inspectable,
    };
    let own = spec("python3", "Python 3 (Fenxi)", KernelSpecStart::Prepared, true);
    let other = spec("stock", "Stock Python", KernelSpecStart::Program, false);
    assert_eq!(listed.into_inner().kernel_specs, [own, other]);

    let asked = |kernel_spec: &str| CreateKernelRequest {
        kernel_spec: kernel_spec.into(),
        request_id: id(),
        ..CreateKernelRequest::default()
    };
    let refused = user.kernels.clone().create_kernel(asked("julia")).await.expect_err("refused");
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    assert_eq!(reason_of(&refused), Some(ErrorReason::KernelSpecUnknown));
    let violation = refused.get_details_bad_request().expect("a field").field_violations.remove(0);
    assert_eq!(violation.field, "kernel_spec");
    assert!(violation.description.contains("there are: python3, stock"), "{}", violation.description);

    let kernel = user.kernels.clone().create_kernel(asked("stock")).await.expect("created").into_inner().kernel;
    let kernel = kernel.expect("a kernel");
    assert_eq!(kernel.kernel_spec, "stock");
    let (_, events) = user.run(&kernel.kernel_id, "import os; print(os.environ['GREETING'])").await;
    assert_eq!((texts(&events).as_str(), end(&events).outcome()), ("hello\n", Outcome::Ok));

    // The next service has it dead, and brings it back as what it was.
    house.stop().await;
    house.start_again().await;
    let user = house.user_called(user.user_id);
    let get = GetKernelRequest { kernel_id: kernel.kernel_id.clone() };
    let found = user.kernels.clone().get_kernel(get.clone()).await.expect("there").into_inner().kernel.expect("it");
    assert_eq!(found.kernel_spec, "stock");
    let restart = RestartKernelRequest { kernel_id: kernel.kernel_id.clone(), request_id: id() };
    user.kernels.clone().restart_kernel(restart.clone()).await.expect("restarted");
    let (_, events) = user.run(&kernel.kernel_id, "import os; print(os.environ['GREETING'])").await;
    assert_eq!(texts(&events), "hello\n");

    // Where its description is gone, it says so.
    house.stop().await;
    std::fs::remove_dir_all(dir.path().join("stock")).expect("removed");
    house.start_again().await;
    let user = house.user_called(user.user_id);
    let restart = RestartKernelRequest { request_id: id(), ..restart };
    user.kernels.clone().restart_kernel(restart).await.expect("restarted");
    let failed = soon(async {
        loop {
            let got = user.kernels.clone().get_kernel(get.clone()).await.expect("there").into_inner();
            let kernel = got.kernel.expect("it");
            if kernel.generation == 3
                && let Some(death) = kernel.death.filter(|death| death.detail.contains("kernel spec"))
            {
                return death.detail;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(failed.contains("there is no kernel spec `stock` any more"), "{failed}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_description_stops_the_start_and_says_where() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let (specs, data) = (dir.path().join("specs"), dir.path().join("data"));
    let mut wrong = stock(&python(), "signal");
    wrong["argv"] = serde_json::json!([python(), "-m", "ipykernel_launcher"]);
    describe(&specs, "wrong", &wrong);
    let args: [std::ffi::OsString; 11] = [
        "analysis-service".into(),
        "--auth-url".into(),
        "http://127.0.0.1:1".into(),
        "--data-dir".into(),
        data.into(),
        "--table-reader".into(),
        env!("CARGO_BIN_EXE_table-reader").into(),
        "--python".into(),
        python().into(),
        "--kernel-specs-dir".into(),
        specs.into(),
    ];
    let config: Config = config::load(PREFIX, args).expect("good");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let served = soon(analysis_service::serve_on(listener, config, Frame::new(Clock::system()))).await;
    let error = format!("{:#}", served.expect_err("refused"));
    assert!(error.contains("wrong/kernel.json: `argv`"), "{error}");
}
