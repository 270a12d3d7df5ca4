//! Whether the machine has been started anew since the folder was used last. If it has not, all that an earlier process
//! wrote is there, synced or not.

use std::{fs, io, path::Path};

const FILE: &str = "boot";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Whether this start of the machine is the one that was noted. Not every machine says it: then nothing is known. Blocks.
pub(super) fn is_noted(root: &Path) -> bool {
    let (noted, now) = (fs::read(root.join(FILE)), fs::read(BOOT_ID));
    noted.is_ok_and(|noted| now.is_ok_and(|now| noted == now))
}

/// Notes this start of the machine: what an earlier one left is taken over. Blocks.
pub(super) fn note(root: &Path) -> io::Result<()> {
    fs::read(BOOT_ID).map_or(Ok(()), |now| fs::write(root.join(FILE), now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_start_of_the_machine_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let known = || is_noted(folder.path());
        assert!(!known());
        fs::write(folder.path().join(FILE), "another").expect("written");
        assert!(!known() && !known(), "looking notes nothing");
        note(folder.path()).expect("noted");
        assert_eq!(known(), fs::exists(BOOT_ID).expect("known"));
    }
}
