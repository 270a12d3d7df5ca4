//! Houses that leave their kernels to the next one, as a service does that is replaced.

use std::{path::Path, time::Duration};

use analysis_service::{
    executions::{Executions, Fate},
    kernels::{
        launch::{Launched, Workshop},
        model::Settings,
        registry::{Adopted, Inherited},
        specs::Launchers,
    },
};
use fenxi_chassis::lifecycle::Lifecycle;

use super::{House, LIMIT, apart, python, soon, supervisor};

impl House {
    /// One whose kernels outlive it.
    pub(crate) async fn lasting(settings: Settings) -> Self {
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        let (workshop, _) = lasting_workshop(folder.path(), LIMIT).await;
        let files = folder.path().to_owned();
        Self::with_launchers(folder, settings, Launchers::plain(&workshop, Vec::new()), files).await
    }

    /// The next house after this one, which has left its kernels, by the same clock. They end with it.
    pub(crate) async fn next(self, settings: Settings) -> Self {
        soon(self.executions.drain()).await;
        self.database.close(&Lifecycle::new()).await;
        let folder = self.folder;
        let (workshop, kept) = lasting_workshop(folder.path(), Duration::ZERO).await;
        let files = folder.path().to_owned();
        Self::taking_up(folder, settings, Launchers::plain(&workshop, Vec::new()), files, (self.clock, kept)).await
    }
}

/// What these kernels of an earlier house are to go on with.
pub(super) async fn inherited(kept: Vec<Launched>, executions: &Executions) -> Inherited {
    let mut inherited = Inherited::default();
    if kept.is_empty() {
        return inherited;
    }
    for launched in kept {
        let adopted = soon(Adopted::connect(launched)).await.expect("it can be talked to");
        inherited.kernels.insert(adopted.kernel_id(), adopted);
    }
    for (kernel_id, work) in executions.recover(|_| Fate::Lives).await.expect("taken up") {
        inherited.works.entry(kernel_id).or_default().push(work);
    }
    inherited
}

/// The workshop of a house that leaves its kernels for so long, and those that an earlier one left.
async fn lasting_workshop(folder: &Path, linger: Duration) -> (Workshop, Vec<Launched>) {
    let (supervisor, held) = supervisor(folder, linger).await;
    let (run, work) = (folder.join("run"), folder.join("work"));
    let workshop = Workshop::open(&python(), &run, &work, apart(), (supervisor, &held)).expect("a workshop");
    let kept = workshop.take_up(held).await;
    (workshop, kept)
}
