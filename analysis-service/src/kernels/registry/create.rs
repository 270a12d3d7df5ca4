//! A new kernel: its tables checked, its variables named, its place among the others taken, and then started.

use std::{collections::HashSet, sync::Arc};

use fenxi_proto::analysis::v1::{KernelStart, KernelState};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Entry, Registry, change::cut_off};
use crate::{
    datasets::variable::{check_variable_name, variable_names},
    kernels::{
        driver::{Driver, Ready},
        model::{Kernel, KernelDatasetRef, KernelError},
        specs::BUILT_IN,
        store::{Once, Taken},
    },
};

/// Characters of an unknown kind's name that are told back.
const SPEC_NAME_TOLD_CHARS: usize = 100;

/// A kernel to be made.
#[derive(Clone, Debug)]
pub struct NewKernel {
    /// For a person; empty: the first dataset's name.
    pub display_name: String,
    /// Its tables.
    pub datasets: Vec<NewDataset>,
    /// Makes a repeated call the same call.
    pub request_id: Uuid,
    /// Its kind; empty: the built-in one.
    pub kernel_spec: String,
}

/// A table for a new kernel.
#[derive(Clone, Debug)]
pub struct NewDataset {
    /// Which.
    pub dataset_id: Uuid,
    /// Under which variable; empty: made from the dataset's name.
    pub variable_name: String,
}

impl Registry {
    /// Makes a kernel and begins to start it. The same request again gives the same kernel.
    ///
    /// # Errors
    /// A dataset that cannot be had, a wrong variable name, the limits, [`KernelError::RequestIdReused`], the database.
    pub async fn create(&self, owner_user_id: Uuid, new: NewKernel) -> Result<Arc<Kernel>, KernelError> {
        let fingerprint = fingerprint(&new);
        // The same request at the same time would find its own kernel in its place.
        let turn = self.0.turns.take((owner_user_id, new.request_id)).await;
        if let Some(taken) = self.0.parts.store.taken(owner_user_id, new.request_id).await? {
            return self.created_before(owner_user_id, &taken, &fingerprint);
        }
        let kernel_spec = self.kind_of(&new)?;
        let datasets = self.named(owner_user_id, &new.datasets).await?;
        let now = self.0.parts.clock.now_micros();
        let once = Once {
            owner_user_id,
            request_id: new.request_id,
            fingerprint: fingerprint.clone(),
            now,
            generation: None,
            execution_id: None,
        };
        let display_name = name_of(new.display_name, &datasets);
        let limits = self.0.parts.settings.limits;
        let common = kernel_spec == BUILT_IN && self.0.parts.launcher.is_common(owner_user_id);
        let ready = if common { self.0.pool.take(limits).await } else { None };
        let kernel = Kernel {
            kernel_id: ready.as_ref().map_or_else(|| self.0.ids.next(), Ready::kernel_id),
            owner_user_id,
            display_name,
            state: KernelState::Starting,
            datasets,
            create_time: now,
            last_activity_time: now,
            death: None,
            generation: 1,
            running_execution_id: None,
            waiting: Arc::default(),
            memory_bytes: 0,
            held_bytes: 0,
            disk_bytes: 0,
            idle_end_time: None,
            revision: now,
            limits,
            start: KernelStart::Unspecified,
            isolation: None,
            kernel_spec,
            idle_warning_time: None,
            start_position: 0,
            network: None,
        };
        // Seen to its end whoever goes: a place that is taken is given up again only here.
        let registry = self.clone();
        let placed = tokio::spawn(async move {
            let placed = registry.place(kernel, ready, once).await;
            drop(turn);
            placed
        })
        .await;
        match placed.map_err(cut_off)?? {
            Ok(kernel) => Ok(kernel),
            Err(taken) => self.created_before(owner_user_id, &taken, &fingerprint),
        }
    }

    /// Takes a kernel's place, writes it down and has it started, from what is ready for it if there is something. `Err`:
    /// the request was taken before.
    async fn place(
        &self,
        kernel: Kernel,
        ready: Option<Ready>,
        once: Once,
    ) -> Result<Result<Arc<Kernel>, Taken>, KernelError> {
        let kernel_id = kernel.kernel_id;
        let give_back = |ready: Option<Ready>| ready.into_iter().for_each(|ready| self.0.pool.give_back(ready));
        if let Err(refused) = self.take_place(&kernel) {
            give_back(ready);
            return Err(refused);
        }
        let written = self.0.parts.store.create(&kernel, once).await;
        let ready = if matches!(written, Ok(None)) {
            ready
        } else {
            self.entries().remove(&kernel_id);
            give_back(ready);
            None
        };
        if let Some(taken) = written? {
            return Ok(Err(taken));
        }
        let handle = Driver::spawn(Arc::clone(&self.0.parts), kernel, ready);
        let snapshot = handle.snapshot();
        if let Some(entry) = self.entries().get_mut(&kernel_id) {
            entry.handle = Some(handle);
            entry.coming = false;
        }
        Ok(Ok(snapshot))
    }

    /// The kind that is asked for, if there is such a one and it can be given tables where there are any.
    fn kind_of(&self, new: &NewKernel) -> Result<String, KernelError> {
        let name = if new.kernel_spec.is_empty() { BUILT_IN } else { new.kernel_spec.as_str() };
        let kinds = &self.0.parts.kinds;
        if !kinds.knows(name) {
            let known: Vec<_> = kinds.list().into_iter().map(|kind| kind.name).collect();
            let name = name.chars().take(SPEC_NAME_TOLD_CHARS).collect();
            return Err(KernelError::SpecUnknown { name, known: known.join(", ") });
        }
        match kinds.other(name).map(|kind| &kind.spec.tables) {
            Some(Err(why)) if !new.datasets.is_empty() => {
                Err(KernelError::SpecWithoutTables { name: name.to_owned(), why: why.clone() })
            }
            _ => Ok(name.to_owned()),
        }
    }

    fn take_place(&self, kernel: &Kernel) -> Result<(), KernelError> {
        self.check_running()?;
        let mut entries = self.entries();
        self.check_limits(&entries, kernel.owner_user_id)?;
        let owner_user_id = kernel.owner_user_id;
        let entry = Entry { owner_user_id, coming: true, kernel: Arc::new(kernel.clone()), handle: None };
        entries.insert(kernel.kernel_id, entry);
        Ok(())
    }

    fn created_before(
        &self,
        owner_user_id: Uuid,
        taken: &Taken,
        fingerprint: &[u8],
    ) -> Result<Arc<Kernel>, KernelError> {
        if taken.fingerprint != fingerprint {
            return Err(KernelError::RequestIdReused);
        }
        let entries = self.entries();
        let entry = entries.get(&taken.kernel_id).filter(|entry| entry.owner_user_id == owner_user_id);
        entry.map(Entry::snapshot).ok_or(KernelError::NotFound)
    }

    /// The datasets with their names and variables, if all are there.
    async fn named(&self, owner_user_id: Uuid, new: &[NewDataset]) -> Result<Vec<KernelDatasetRef>, KernelError> {
        let mut names = Vec::with_capacity(new.len());
        for NewDataset { dataset_id, .. } in new {
            let name = (self.0.parts.source.name)(owner_user_id, *dataset_id).await;
            names.push(name.map_err(|why| KernelError::Table { dataset_id: *dataset_id, why })?);
        }
        let mut taken = HashSet::new();
        let given = new.iter().enumerate().filter(|(_, new)| !new.variable_name.is_empty());
        for (index, NewDataset { variable_name, .. }) in given {
            let wrong = |why| KernelError::VariableName { index, name: variable_name.chars().take(100).collect(), why };
            check_variable_name(variable_name).map_err(wrong)?;
            if !taken.insert(variable_name.clone()) {
                return Err(wrong("two tables would have it"));
            }
        }
        let unnamed: Vec<&str> = new
            .iter()
            .zip(&names)
            .filter(|(new, _)| new.variable_name.is_empty())
            .map(|(_, name)| name.as_str())
            .collect();
        let mut made = variable_names(&unnamed, &taken).into_iter();
        let variables = new.iter().map(|new| match new.variable_name.as_str() {
            "" => made.next().unwrap_or_default(),
            given => given.to_owned(),
        });
        let with_names = new.iter().zip(names).zip(variables);
        Ok(with_names
            .map(|((new, name), variable_name)| KernelDatasetRef { dataset_id: new.dataset_id, name, variable_name })
            .collect())
    }
}

/// What a kernel is called: as it is given, or else after its first table.
pub(super) fn name_of(given: String, datasets: &[KernelDatasetRef]) -> String {
    match datasets.first() {
        Some(first) if given.is_empty() => first.name.clone(),
        _ => given,
    }
}

fn fingerprint(new: &NewKernel) -> Vec<u8> {
    let mut hash = Sha256::new().chain_update("create").chain_update(new.display_name.len().to_be_bytes());
    hash.update(&new.display_name);
    for dataset in &new.datasets {
        hash.update(dataset.dataset_id);
        hash.update(dataset.variable_name.len().to_be_bytes());
        hash.update(&dataset.variable_name);
    }
    // The built-in kind is the same request whether it is named or not.
    if !new.kernel_spec.is_empty() && new.kernel_spec != BUILT_IN {
        hash.update("kernel_spec");
        hash.update(&new.kernel_spec);
    }
    hash.finalize().to_vec()
}
