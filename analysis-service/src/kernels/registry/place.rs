//! Where a kernel stands in lists, and the page tokens that are made of it.

use uuid::Uuid;

use crate::kernels::model::Kernel;

/// Where a kernel stands among others: by the time of its creation. Its id may be older, if it was kept ready before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    create_time: i64,
    kernel_id: Uuid,
}

impl Place {
    /// A kernel's.
    #[must_use]
    pub fn of(kernel: &Kernel) -> Self {
        Self { create_time: kernel.create_time, kernel_id: kernel.kernel_id }
    }

    /// As [`Self::from_bytes`] reads it.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        [self.create_time.to_be_bytes().as_slice(), self.kernel_id.as_bytes()].concat()
    }

    /// What [`Self::to_bytes`] made; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (time, id) = bytes.split_first_chunk()?;
        Some(Self { create_time: i64::from_be_bytes(*time), kernel_id: Uuid::from_slice(id).ok()? })
    }
}
