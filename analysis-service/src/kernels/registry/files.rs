//! Files of a user's kernels.

use std::path::PathBuf;

use uuid::Uuid;

use super::Registry;
use crate::kernels::{
    files::{FilePath, Listing, Reading},
    model::KernelError,
};

impl Registry {
    /// What is in a folder of a kernel, live or dead.
    ///
    /// # Errors
    /// [`KernelError::NotFound`], [`KernelError::File`].
    pub async fn list_files(
        &self,
        owner_user_id: Uuid,
        kernel_id: Uuid,
        path: FilePath,
    ) -> Result<Listing, KernelError> {
        let work_dir = self.work_dir(owner_user_id, kernel_id)?;
        Ok(self.0.files.list(work_dir, path).await?)
    }

    /// Opens a file of a kernel, live or dead, to be read from `offset` on.
    ///
    /// # Errors
    /// [`KernelError::NotFound`], [`KernelError::File`].
    pub async fn read_file(
        &self,
        owner_user_id: Uuid,
        kernel_id: Uuid,
        path: FilePath,
        offset: u64,
    ) -> Result<Reading, KernelError> {
        let work_dir = self.work_dir(owner_user_id, kernel_id)?;
        Ok(self.0.files.read(owner_user_id, work_dir, path, offset).await?)
    }

    fn work_dir(&self, owner_user_id: Uuid, kernel_id: Uuid) -> Result<PathBuf, KernelError> {
        self.kernel(owner_user_id, kernel_id)?;
        Ok(self.0.parts.launcher.work_dir(kernel_id))
    }
}
