//! Whether the machine has been started anew since the folder was used last. If it has not, all that an earlier process
//! wrote is there, synced or not.

use std::{fs, io, path::Path};

const FILE: &str = "boot";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Notes this start of the machine, and says whether it is the one that was noted before. Blocks.
pub(super) fn note(root: &Path) -> io::Result<bool> {
    // Not every machine says it: then nothing is known.
    let Ok(now) = fs::read_to_string(BOOT_ID) else { return Ok(false) };
    note_as(root, &now)
}

fn note_as(root: &Path, now: &str) -> io::Result<bool> {
    let path = root.join(FILE);
    let same = fs::read_to_string(&path).is_ok_and(|before| before == now);
    if !same {
        fs::write(path, now)?;
    }
    Ok(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_start_of_the_machine_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let noted = ["one", "one", "two", "two"].map(|boot| note_as(folder.path(), boot).expect("noted"));
        assert_eq!(noted, [false, true, false, true]);
    }
}
