//! `fenxi.analysis.v1.InspectionService` on top of the room `kernels`.

use fenxi_chassis::caller;
use fenxi_proto::{
    analysis::v1::{
        CompleteCodeRequest, CompleteCodeResponse, DetailLevel, InspectCodeRequest, InspectCodeResponse,
        ListVariablesRequest, ListVariablesResponse, PreviewVariableRequest, PreviewVariableResponse,
        inspection_service_server::InspectionService,
    },
    error::Failure,
    id,
};
use tonic::{Request, Response, Status};

use super::kernels::failure::status;
use crate::{
    datasets::Window,
    kernels::{KernelHandle, registry::Registry},
};

/// Bytes of a cell's code.
const CODE_MAX_BYTES: usize = 1 << 20;
/// Bytes of a variable's name.
const NAME_MAX_BYTES: usize = 1_000;
/// Rows and columns of a page, where none are asked for.
const PAGE_SIDE: i32 = 50;
/// Rows of a page.
const PAGE_ROWS_MAX: usize = 1_000;
/// Cells of a page.
const PAGE_CELLS_MAX: usize = 20_000;

type Answer<T> = Result<Response<T>, Status>;

/// Serves the contract.
pub(super) struct InspectionRpc {
    kernels: Registry,
}

impl InspectionRpc {
    pub(super) fn new(kernels: Registry) -> Self {
        Self { kernels }
    }

    /// The caller's kernel, and what is asked of it.
    fn taken<T>(&self, request: Request<T>, kernel_id: impl Fn(&T) -> &str) -> Result<(KernelHandle, T), Status> {
        let user_id = caller::user(&request)?.user_id;
        let asked = request.into_inner();
        let kernel_id = id::parse_resource("kernel_id", kernel_id(&asked))?;
        Ok((self.kernels.kernel(user_id, kernel_id).map_err(status)?, asked))
    }
}

#[tonic::async_trait]
impl InspectionService for InspectionRpc {
    async fn complete_code(&self, request: Request<CompleteCodeRequest>) -> Answer<CompleteCodeResponse> {
        let (kernel, asked) = self.taken(request, |asked| &asked.kernel_id)?;
        let cursor = cursor(&asked.code, asked.cursor)?;
        Ok(Response::new(kernel.complete(&asked.code, cursor).await.map_err(status)?))
    }

    async fn inspect_code(&self, request: Request<InspectCodeRequest>) -> Answer<InspectCodeResponse> {
        let (kernel, asked) = self.taken(request, |asked| &asked.kernel_id)?;
        let cursor = cursor(&asked.code, asked.cursor)?;
        let with_source = match DetailLevel::try_from(asked.detail_level) {
            Ok(DetailLevel::Unspecified | DetailLevel::Documentation) => false,
            Ok(DetailLevel::Source) => true,
            Err(_) => return Err(Failure::invalid("detail_level", "is not one of its values").into()),
        };
        Ok(Response::new(kernel.explain(&asked.code, cursor, with_source).await.map_err(status)?))
    }

    async fn list_variables(&self, request: Request<ListVariablesRequest>) -> Answer<ListVariablesResponse> {
        let (kernel, _) = self.taken(request, |asked| &asked.kernel_id)?;
        Ok(Response::new(kernel.variables().await.map_err(status)?))
    }

    async fn preview_variable(&self, request: Request<PreviewVariableRequest>) -> Answer<PreviewVariableResponse> {
        let (kernel, asked) = self.taken(request, |asked| &asked.kernel_id)?;
        if asked.name.is_empty() || asked.name.len() > NAME_MAX_BYTES {
            return Err(Failure::invalid("name", format!("has to have 1 to {NAME_MAX_BYTES} bytes")).into());
        }
        let window = window(&asked)?;
        Ok(Response::new(kernel.preview(&asked.name, window).await.map_err(status)?))
    }
}

/// The cursor, if it is in the code.
fn cursor(code: &str, given: i32) -> Result<u32, Failure> {
    if code.len() > CODE_MAX_BYTES {
        let what = format!("is {} bytes long; give at most {CODE_MAX_BYTES}", code.len());
        return Err(Failure::invalid("code", what));
    }
    let chars = code.chars().count();
    match u32::try_from(given) {
        Ok(cursor) if cursor as usize <= chars => Ok(cursor),
        _ => Err(Failure::invalid("cursor", format!("is {given}; the code has {chars} code points"))),
    }
}

/// Which cells are asked for.
fn window(asked: &PreviewVariableRequest) -> Result<Window, Failure> {
    let size = |field: &'static str, given: i32| {
        usize::try_from(given).map_err(|_| Failure::invalid(field, format!("is {given}; give 0 or more")))
    };
    let or_default = |given: i32| if given == 0 { PAGE_SIDE } else { given };
    let wrong = |given: i64| Failure::invalid("row_offset", format!("is {given}; give 0 or more"));
    let window = Window {
        row_offset: u64::try_from(asked.row_offset).map_err(|_| wrong(asked.row_offset))?,
        row_count: size("row_count", or_default(asked.row_count))?,
        column_offset: size("column_offset", asked.column_offset)?,
        column_count: size("column_count", or_default(asked.column_count))?,
    };
    if window.row_count > PAGE_ROWS_MAX {
        return Err(Failure::invalid("row_count", format!("is {}; give 1 to {PAGE_ROWS_MAX}", window.row_count)));
    }
    let cells = window.row_count.saturating_mul(window.column_count);
    if cells > PAGE_CELLS_MAX {
        let what = format!("times row_count are {cells} cells; ask for at most {PAGE_CELLS_MAX}");
        return Err(Failure::invalid("column_count", what));
    }
    Ok(window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_counts_code_points() {
        assert_eq!(cursor("名😀x", 3).ok(), Some(3));
        assert!(cursor("名😀x", 4).is_err());
        assert!(cursor("x", -1).is_err());
        assert!(cursor(&"x".repeat(CODE_MAX_BYTES + 1), 0).is_err());
    }

    #[test]
    fn a_window_has_defaults_and_limits() {
        let asked = PreviewVariableRequest::default();
        let defaults = window(&asked).expect("a window");
        assert_eq!((defaults.row_count, defaults.column_count), (50, 50));
        for wrong in [
            PreviewVariableRequest { row_offset: -1, ..asked.clone() },
            PreviewVariableRequest { row_count: 1_001, ..asked.clone() },
            PreviewVariableRequest { column_offset: -1, ..asked.clone() },
            PreviewVariableRequest { row_count: 1_000, column_count: 21, ..asked.clone() },
        ] {
            assert!(window(&wrong).is_err(), "{wrong:?}");
        }
    }
}
