//! InspectionService from outside.

use fenxi_proto::{
    analysis::v1::{
        CompleteCodeRequest, DetailLevel, InspectCodeRequest, ListVariablesRequest, PreviewVariableRequest,
        mime_part::Content, preview_variable_response::Value,
    },
    error::{ErrorReason, reason_of},
};
use tonic::Code;

use crate::house::{House, id, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_is_looked_into() {
    let mut house = House::start().await;
    let user = house.user();
    let kernel_id = user.kernel().await;
    user.run(&kernel_id, "def area(width):\n    'The area.'\n    return width\nrows = [1, 2]").await;
    let mut inspection = user.inspection.clone();
    let asked = CompleteCodeRequest { kernel_id: kernel_id.clone(), code: "名 = are".into(), cursor: 7 };
    let completed = soon(inspection.complete_code(asked)).await.expect("completed").into_inner();
    assert_eq!((completed.replace_start, completed.replace_end), (4, 7));
    let first = completed.completions.first().expect("one");
    assert_eq!((first.text.as_str(), first.r#type.as_str()), ("area", "function"));

    let asked = |detail: DetailLevel| InspectCodeRequest {
        kernel_id: kernel_id.clone(),
        code: "area(".into(),
        cursor: 5,
        detail_level: detail.into(),
    };
    for (detail, has_source) in [(DetailLevel::Unspecified, false), (DetailLevel::Source, true)] {
        let answer = soon(inspection.inspect_code(asked(detail))).await.expect("inspected").into_inner();
        let bundle = answer.bundle.expect("found");
        let Some(Content::Text(text)) = &bundle.parts[0].content else { panic!("no text") };
        assert!(answer.found && text.contains("The area.") && text.contains("area(width)"), "{text}");
        assert_eq!(text.contains("return width"), has_source, "{text}");
    }

    let listed = soon(inspection.list_variables(ListVariablesRequest { kernel_id: kernel_id.clone() })).await;
    let names: Vec<_> = listed.expect("listed").into_inner().variables.into_iter().map(|each| each.name).collect();
    assert_eq!(names, ["area", "rows"]);
    let asked =
        |name: &str| PreviewVariableRequest { kernel_id: kernel_id.clone(), name: name.into(), ..Default::default() };
    let value = soon(inspection.preview_variable(asked("rows"))).await.expect("a value").into_inner().value;
    let Some(Value::Bundle(bundle)) = value else { panic!("no text") };
    assert_eq!(bundle.parts[0].content, Some(Content::Text("[1, 2]".into())));
    let missing = soon(inspection.preview_variable(asked("nothing"))).await.expect_err("no such variable");
    assert_eq!(reason_of(&missing), Some(ErrorReason::NotFound));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_and_unknown_kernels_and_wrong_fields_are_refused() {
    let mut house = House::start().await;
    let (user, stranger) = (house.user(), house.user());
    let kernel_id = user.kernel().await;
    let mut inspection = stranger.inspection.clone();
    for kernel_id in [kernel_id.clone(), id()] {
        let asked = CompleteCodeRequest { kernel_id: kernel_id.clone(), ..Default::default() };
        let mut refused = vec![inspection.complete_code(asked).await.expect_err("foreign")];
        let asked = InspectCodeRequest { kernel_id: kernel_id.clone(), ..Default::default() };
        refused.push(inspection.inspect_code(asked).await.expect_err("foreign"));
        let asked = ListVariablesRequest { kernel_id: kernel_id.clone() };
        refused.push(inspection.list_variables(asked).await.expect_err("foreign"));
        let asked = PreviewVariableRequest { kernel_id, name: "x".into(), ..Default::default() };
        refused.push(inspection.preview_variable(asked).await.expect_err("foreign"));
        for error in refused {
            assert_eq!((error.code(), error.message()), (Code::NotFound, "no such resource"));
        }
    }
    let mut inspection = user.inspection.clone();
    let asked = CompleteCodeRequest { kernel_id: kernel_id.clone(), code: "😀".into(), cursor: 2 };
    let error = inspection.complete_code(asked).await.expect_err("behind the end");
    assert!(error.message().starts_with("cursor is 2"), "{error}");
    let asked = InspectCodeRequest { kernel_id: kernel_id.clone(), detail_level: 9, ..Default::default() };
    assert_eq!(reason_of(&inspection.inspect_code(asked).await.expect_err("9")), Some(ErrorReason::InvalidField));
    let asked = PreviewVariableRequest { kernel_id, row_offset: -1, name: "x".into(), ..Default::default() };
    let error = inspection.preview_variable(asked).await.expect_err("before the beginning");
    assert!(error.message().starts_with("row_offset is -1"), "{error}");
    house.stop().await;
}
