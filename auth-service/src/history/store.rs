//! The only place with SQL of the history. It reads and writes rows, in transactions that are handed in for writes; it
//! decides nothing, and the time is handed in.

mod change;
mod datasets;
mod packed;
mod pages;
mod purge;
mod record;
mod scan;
mod whole;

#[cfg(test)]
pub(super) use self::packed::unpack_all;
pub(super) use self::{
    change::{Change, Changed, delete, undelete},
    datasets::used_within,
    pages::{PAGES_MAX, PackedPage, Range, pages},
    purge::{purge_deleted, purge_requests},
    record::record,
    scan::{CODES_MAX, Scanned, Source, codes, scan},
    whole::whole,
};
