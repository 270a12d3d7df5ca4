//! One of many users: makes kernels, runs cells alone and in rows, disturbs them, looks into them, leaves them alone,
//! ends them. At the end a person deletes everything.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use fenxi_proto::analysis::v1::{
    CancelExecutionRequest, CompleteCodeRequest, CompleteUploadRequest, CreateKernelRequest, CreateUploadRequest,
    DeleteDatasetRequest, DeleteKernelRequest, InterruptKernelRequest, KernelDataset, ListVariablesRequest,
    PreviewVariableRequest, RestartKernelRequest, WriteUploadRequest,
    inspection_service_client::InspectionServiceClient,
};
use fenxi_proto::history::v1::ListHistoryRequest;
use futures_util::future::join_all;
use tokio::time::sleep;

use super::{
    caller::{Caller, Refused},
    cells::{self, Cell, Table},
    dice::Dice,
    ledger::Disturbance,
    run::{self, Accepted, DEATH_TOLD, Kernel, Left},
    trouble::Outside,
};
use crate::client::request_id;

/// Kernels that a person wants at a time.
const KERNELS_MAX: usize = 2;
/// Cells that are sent at once.
const ROW_MAX: usize = 5;
const TABLES_MAX: usize = 3;
const ROWS_MAX: usize = 2_000;

/// A user.
pub(super) struct Person {
    pub caller: Caller,
    dice: Dice,
    outside: Outside,
    tables: Vec<Table>,
    kernels: Vec<Arc<Kernel>>,
    /// How long a kernel may be idle.
    idle_max: Duration,
}

/// What a person does next.
#[derive(Clone, Copy)]
enum Act {
    One,
    Row,
    Look,
    Restart,
    Delete,
    Shoot,
    Upload,
    Leave,
    ReadHistory,
}

/// What is done to a kernel while its cells run.
#[derive(Clone, Copy)]
enum Disturb {
    Nothing,
    CancelOne,
    CancelAll,
    Interrupt,
    Clear,
    Restart,
    Delete,
    Shoot,
    Look,
}

const ACTS: &[(usize, Act)] = &[
    (45, Act::One),
    (25, Act::Row),
    (7, Act::Look),
    (4, Act::Restart),
    (5, Act::Delete),
    (3, Act::Shoot),
    (4, Act::Upload),
    (2, Act::Leave),
    (5, Act::ReadHistory),
];

const DISTURBANCES: &[(usize, Disturb)] = &[
    (55, Disturb::Nothing),
    (8, Disturb::CancelOne),
    (5, Disturb::CancelAll),
    (9, Disturb::Interrupt),
    (4, Disturb::Clear),
    (4, Disturb::Restart),
    (4, Disturb::Delete),
    (3, Disturb::Shoot),
    (8, Disturb::Look),
];

impl Person {
    pub(super) fn new(caller: Caller, dice: Dice, outside: Outside, idle_max: Duration) -> Self {
        Self { caller, dice, outside, tables: Vec::new(), kernels: Vec::new(), idle_max }
    }

    /// One of everything that has to be warm before the services are measured.
    pub(super) async fn warm_up(&mut self) {
        self.upload().await;
        let Some(kernel) = self.create().await else { return };
        let accepted = Accepted::default();
        for _ in 0..3 {
            let cell = cells::computes(&mut self.dice);
            run::run(&self.caller, &kernel, &cell, self.dice.fork(), &accepted).await;
        }
        look(&self.caller, &kernel, &mut self.dice).await;
        self.end(&kernel).await;
    }

    /// Does things for as long as this says, which is told how many were done.
    pub(super) async fn live(&mut self, goes_on: impl Fn(usize) -> bool) {
        for _ in (0..).take_while(|rounds| goes_on(*rounds)) {
            self.act().await;
            sleep(self.dice.up_to(Duration::from_millis(300))).await;
        }
    }

    /// Deletes all that this person has.
    pub(super) async fn leave(&mut self) {
        for kernel in std::mem::take(&mut self.kernels) {
            self.end(&kernel).await;
        }
        while let Some(table) = self.tables.pop() {
            self.drop_table(&table).await;
        }
    }

    async fn act(&mut self) {
        let new = self.kernels.is_empty() || (self.kernels.len() < KERNELS_MAX && self.dice.chance(20));
        if new && self.create().await.is_none() {
            // As many kernels as there may be: others will end.
            sleep(Duration::from_secs(1)).await;
        }
        let Some(kernel) = self.dice.pick(&self.kernels).cloned() else { return };
        let Some(act) = self.dice.weighed(ACTS) else { return };
        let left = match act {
            Act::One => self.cells(&kernel, 1).await,
            Act::Row => {
                let many = 2 + self.dice.below(ROW_MAX - 1);
                self.cells(&kernel, many).await
            }
            Act::Look => look(&self.caller, &kernel, &mut self.dice).await,
            Act::Restart => restart(&self.caller, &kernel).await,
            Act::Delete => delete(&self.caller, &kernel).await,
            Act::Shoot => self.outside.shoot(&self.caller, &kernel).await,
            Act::Upload => {
                self.change_tables().await;
                Left::Fine
            }
            Act::Leave => {
                sleep(self.idle_max + self.dice.up_to(Duration::from_secs(5))).await;
                Left::Fine
            }
            Act::ReadHistory => {
                let history = self.caller.client.history();
                self.caller
                    .ask("ListHistory", async || history.clone().list_history(ListHistoryRequest::default()).await)
                    .await
                    .ok();
                Left::Fine
            }
        };
        self.tidy(&kernel, left).await;
    }

    /// Does with a kernel what is left to be done.
    async fn tidy(&mut self, kernel: &Arc<Kernel>, left: Left) {
        match left {
            Left::Fine => {}
            Left::Gone => self.kernels.retain(|other| !Arc::ptr_eq(other, kernel)),
            Left::Dead | Left::Fouled if self.dice.chance(50) => {
                if restart(&self.caller, kernel).await == Left::Gone {
                    self.kernels.retain(|other| !Arc::ptr_eq(other, kernel));
                }
            }
            Left::Dead | Left::Fouled => self.end(kernel).await,
        }
    }

    async fn end(&mut self, kernel: &Arc<Kernel>) {
        delete(&self.caller, kernel).await;
        self.kernels.retain(|other| !Arc::ptr_eq(other, kernel));
    }

    /// Runs cells that are sent at once, with something done to them meanwhile.
    async fn cells(&mut self, kernel: &Kernel, many: usize) -> Left {
        let accepted = Accepted::default();
        let cells: Vec<Cell> = (0..many).map(|_| cells::some(&mut self.dice, kernel.table.as_ref())).collect();
        let caller = &self.caller;
        let runs: Vec<_> = cells.iter().map(|cell| (cell, self.dice.fork())).collect();
        let runs = join_all(runs.into_iter().map(|(cell, dice)| run::run(caller, kernel, cell, dice, &accepted)));
        let disturb = self.dice.weighed(DISTURBANCES).unwrap_or(Disturb::Nothing);
        let wait = self.dice.up_to(Duration::from_secs(3));
        let dice = self.dice.fork();
        let disturbing = async {
            sleep(wait).await;
            disturb_cells(caller, &self.outside, kernel, &accepted, disturb, dice).await
        };
        let (lefts, disturbed) = tokio::join!(runs, disturbing);
        [Left::Gone, Left::Fouled, Left::Dead]
            .into_iter()
            .find(|left| lefts.contains(left) || disturbed == *left)
            .unwrap_or(Left::Fine)
    }

    async fn create(&mut self) -> Option<Arc<Kernel>> {
        let table = self.dice.pick(&self.tables).cloned();
        let datasets = table.iter().map(|table| KernelDataset {
            dataset_id: table.dataset_id.clone(),
            variable_name: "df".into(),
            ..KernelDataset::default()
        });
        let request = CreateKernelRequest {
            datasets: datasets.collect(),
            request_id: request_id(),
            ..CreateKernelRequest::default()
        };
        let kernels = self.caller.client.kernels();
        let made = self.caller.ask("CreateKernel", async || kernels.clone().create_kernel(request.clone()).await).await;
        let kernel_id = made.ok()?.kernel?.kernel_id;
        self.caller.book.made(&kernel_id);
        let kernel = Arc::new(Kernel { kernel_id, table, ..Kernel::default() });
        self.kernels.push(Arc::clone(&kernel));
        Some(kernel)
    }

    async fn change_tables(&mut self) {
        if self.tables.len() >= TABLES_MAX || (self.dice.chance(30) && !self.tables.is_empty()) {
            let table = self.tables.remove(self.dice.below(self.tables.len()));
            self.drop_table(&table).await;
        } else {
            self.upload().await;
        }
    }

    async fn upload(&mut self) {
        let rows = 10 + self.dice.below(ROWS_MAX);
        let bytes = bytes::Bytes::from(Table::csv(rows, self.dice.below(1_000_000)));
        let datasets = self.caller.client.datasets();
        let request = CreateUploadRequest {
            file_name: "table.csv".into(),
            size_bytes: i64::try_from(bytes.len()).unwrap_or_default(),
            request_id: request_id(),
            ..CreateUploadRequest::default()
        };
        let made =
            self.caller.ask("CreateUpload", async || datasets.clone().create_upload(request.clone()).await).await;
        let Some(upload_id) = made.ok().and_then(|made| made.upload).map(|upload| upload.upload_id) else { return };
        let write = WriteUploadRequest { upload_id: upload_id.clone(), data: bytes, ..WriteUploadRequest::default() };
        let written = self
            .caller
            .ask("WriteUpload", async || datasets.clone().write_upload(tokio_stream::iter([write.clone()])).await);
        // Bytes that came before the service went are there: the second try says so.
        written.await.ok();
        let request = CompleteUploadRequest { upload_id, request_id: request_id(), ..CompleteUploadRequest::default() };
        let done = self.caller.ask("CompleteUpload", async || datasets.clone().complete_upload(request.clone()).await);
        if let Some(dataset) = done.await.ok().and_then(|done| done.dataset) {
            self.tables.push(Table { dataset_id: dataset.dataset_id, rows });
        }
    }

    async fn drop_table(&self, table: &Table) {
        let is_its =
            |kernel: &&Arc<Kernel>| kernel.table.as_ref().is_some_and(|own| own.dataset_id == table.dataset_id);
        self.kernels.iter().filter(is_its).for_each(|kernel| kernel.story.begin_for_good(Disturbance::Table));
        let request = DeleteDatasetRequest { dataset_id: table.dataset_id.clone(), request_id: request_id() };
        let datasets = self.caller.client.datasets();
        self.caller.ask("DeleteDataset", async || datasets.clone().delete_dataset(request.clone()).await).await.ok();
    }
}

fn left<T>(answer: Result<T, Refused>, well: Left) -> Left {
    match answer {
        Ok(_) => well,
        Err(refused) if refused.is_gone() => Left::Gone,
        Err(refused) if refused.is_dead() => Left::Dead,
        Err(_) => Left::Fine,
    }
}

async fn disturb_cells(
    caller: &Caller,
    outside: &Outside,
    kernel: &Kernel,
    accepted: &Accepted,
    disturb: Disturb,
    mut dice: Dice,
) -> Left {
    let ids = accepted.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match disturb {
        Disturb::Nothing => Left::Fine,
        Disturb::CancelOne => cancel(caller, kernel, dice.pick(&ids).into_iter()).await,
        Disturb::CancelAll => cancel(caller, kernel, ids.iter()).await,
        Disturb::Interrupt => interrupt(caller, kernel, false).await,
        Disturb::Clear => interrupt(caller, kernel, true).await,
        Disturb::Restart => restart(caller, kernel).await,
        Disturb::Delete => delete(caller, kernel).await,
        Disturb::Shoot => outside.shoot(caller, kernel).await,
        Disturb::Look => look(caller, kernel, &mut dice).await,
    }
}

async fn cancel(caller: &Caller, kernel: &Kernel, ids: impl Iterator<Item = &String>) -> Left {
    let executions = caller.client.executions();
    join_all(ids.map(async |id| {
        let _doing = kernel.story.begin(Disturbance::Interrupt, Duration::ZERO);
        let request = CancelExecutionRequest { execution_id: id.clone(), request_id: request_id() };
        caller.ask("CancelExecution", async || executions.clone().cancel_execution(request.clone()).await).await.ok();
    }))
    .await;
    Left::Fine
}

async fn interrupt(caller: &Caller, kernel: &Kernel, clear_queue: bool) -> Left {
    let _doing = kernel.story.begin(Disturbance::Interrupt, Duration::ZERO);
    let request = InterruptKernelRequest { kernel_id: kernel.kernel_id.clone(), request_id: request_id(), clear_queue };
    let kernels = caller.client.kernels();
    let answer = caller.ask("InterruptKernel", async || kernels.clone().interrupt_kernel(request.clone()).await).await;
    left(answer, Left::Fine)
}

async fn restart(caller: &Caller, kernel: &Kernel) -> Left {
    let _doing = kernel.story.begin(Disturbance::End, Duration::ZERO);
    let request = RestartKernelRequest { kernel_id: kernel.kernel_id.clone(), request_id: request_id() };
    let kernels = caller.client.kernels();
    let answer = caller.ask("RestartKernel", async || kernels.clone().restart_kernel(request.clone()).await).await;
    left(answer, Left::Fine)
}

async fn delete(caller: &Caller, kernel: &Kernel) -> Left {
    let _doing = kernel.story.begin(Disturbance::End, DEATH_TOLD);
    let request = DeleteKernelRequest { kernel_id: kernel.kernel_id.clone(), request_id: request_id() };
    let kernels = caller.client.kernels();
    let answer = caller.ask("DeleteKernel", async || kernels.clone().delete_kernel(request.clone()).await).await;
    left(answer, Left::Gone)
}

/// Looks into a kernel, whatever it does.
async fn look(caller: &Caller, kernel: &Kernel, dice: &mut Dice) -> Left {
    let inspection = InspectionServiceClient::new(caller.client.channel());
    let kernel_id = kernel.kernel_id.clone();
    match dice.below(3) {
        0 => {
            let request = CompleteCodeRequest { kernel_id, code: "import os; os.".into(), cursor: 14 };
            let ask = async || inspection.clone().complete_code(request.clone()).await;
            left(caller.ask("inspection: CompleteCode", ask).await, Left::Fine)
        }
        1 => {
            let request = ListVariablesRequest { kernel_id };
            let ask = async || inspection.clone().list_variables(request.clone()).await;
            left(caller.ask("inspection: ListVariables", ask).await, Left::Fine)
        }
        _ => {
            let request = PreviewVariableRequest { kernel_id, name: "df".into(), ..PreviewVariableRequest::default() };
            let ask = async || inspection.clone().preview_variable(request.clone()).await;
            // NOT_FOUND may be the variable.
            caller.ask("inspection: PreviewVariable", ask).await.ok();
            Left::Fine
        }
    }
}
