//! Fakes of what lies outside Fenxi, as strict as the real ones are documented to be.

pub mod feishu;
