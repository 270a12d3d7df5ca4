//! What the machine says of a kernel's processes and holds them to, beside what the supervisor does with its own
//! children. It knows nothing of Jupyter or of users.

pub(crate) mod cgroup;
pub(crate) mod disk;
pub(crate) mod kin;
pub(crate) mod memory;
pub(crate) mod pages;
pub(crate) mod tree;
pub(crate) mod whole;
