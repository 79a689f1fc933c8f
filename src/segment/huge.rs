//! Huge pages: what can be asked for, and whether this machine has it.

use std::fmt;
use std::fs;
use std::fs::File;
use std::os::unix::fs::MetadataExt;

use crate::error::SegmentError;

/// The pages a segment is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HugePages {
    /// The machine's ordinary pages.
    #[default]
    None,
    /// Ordinary pages that the kernel may gather into huge ones (`MADV_HUGEPAGE`). It is advice:
    /// the kernel uses what contiguous memory it finds. Refused where the machine is configured
    /// never to do it for shared memory.
    Transparent,
    /// Pages of 2 MiB from the machine's reserved pool (`MFD_HUGETLB`); only for anonymous
    /// segments. The length of the segment is rounded up to whole huge pages. Refused where the
    /// pool has not enough of them.
    Huge2M,
}

impl fmt::Display for HugePages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "huge pages",
            Self::Transparent => "transparent huge pages",
            Self::Huge2M => "2 MiB pages",
        })
    }
}

/// The kernel's setting for shared memory that no mount governs (memfds).
const SHMEM: &str = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
/// The setting for the size in question, in kernels that have one for each; it can defer to the one
/// above.
const SHMEM_2M: &str = "/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/shmem_enabled";

/// Refuses transparent huge pages for a memfd where advice could have no effect.
pub(super) fn check_transparent_memfd() -> Result<(), SegmentError> {
    let by_size = fs::read_to_string(SHMEM_2M).ok();
    let general = fs::read_to_string(SHMEM).ok();
    judge_memfd(by_size.as_deref().and_then(selected), general.as_deref().and_then(selected)).map_err(unavailable)
}

/// Refuses transparent huge pages for a file where advice could have no effect: only tmpfs mounted
/// with `huge=` has them.
pub(super) fn check_transparent_file(file: &File) -> Result<(), SegmentError> {
    let device = file.metadata().map(|data| data.dev()).unwrap_or(0);
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let general = fs::read_to_string(SHMEM).ok();
    judge_file(general.as_deref().and_then(selected), mount_of(&mounts, device)).map_err(unavailable)
}

fn unavailable(reason: String) -> SegmentError {
    SegmentError::HugePagesUnavailable { requested: HugePages::Transparent, reason }
}

fn judge_memfd(by_size: Option<&str>, general: Option<&str>) -> Result<(), String> {
    let (file, setting) = match (by_size, general) {
        (Some(setting), _) if setting != "inherit" => (SHMEM_2M, setting),
        (_, Some(setting)) => (SHMEM, setting),
        (_, None) => {
            return Err(format!("this kernel has no transparent huge pages for shared memory ({SHMEM} is missing)"));
        }
    };
    match setting {
        "never" | "deny" => Err(format!("{file} is set to {setting:?}, expected \"advise\" or more")),
        _ => Ok(()),
    }
}

fn judge_file(general: Option<&str>, mount: Option<Mount<'_>>) -> Result<(), String> {
    match general {
        None => {
            return Err(format!("this kernel has no transparent huge pages for shared memory ({SHMEM} is missing)"));
        }
        Some("deny") => return Err(format!("{SHMEM} is set to \"deny\"")),
        Some("force") => return Ok(()),
        Some(_) => {}
    }
    let Some(mount) = mount else {
        return Err("the mount that holds the file could not be found in /proc/self/mountinfo".to_owned());
    };
    if mount.kind != "tmpfs" {
        return Err(format!("the file is on {}, which does not have them; tmpfs does", mount.kind));
    }
    match mount.options.split(',').find_map(|option| option.strip_prefix("huge=")) {
        None | Some("never") => {
            Err(format!("the tmpfs at {} is mounted without them; remount it with huge=advise", mount.point))
        }
        Some(_) => Ok(()),
    }
}

/// The bracketed word of a setting such as `always [advise] never`.
fn selected(setting: &str) -> Option<&str> {
    let (_, rest) = setting.split_once('[')?;
    rest.split_once(']').map(|(word, _)| word)
}

/// What `/proc/self/mountinfo` says of one mount.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mount<'a> {
    point: &'a str,
    kind: &'a str,
    options: &'a str,
}

/// Finds the mount of a device number.
fn mount_of(mounts: &str, device: u64) -> Option<Mount<'_>> {
    let number = format!("{}:{}", libc::major(device as libc::dev_t), libc::minor(device as libc::dev_t));
    mounts.lines().find_map(|line| {
        // ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [OPTIONAL...] - KIND SOURCE SUPER-OPTIONS
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(2);
        if before.next()? != number {
            return None;
        }
        let point = before.nth(1)?;
        let mut after = after.split(' ');
        Some(Mount { point, kind: after.next()?, options: after.nth(1)? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bracketed_word_is_the_setting() {
        assert_eq!(selected("always within_size advise [never] deny force\n"), Some("never"));
        assert_eq!(selected("[always] never"), Some("always"));
        assert_eq!(selected("nothing"), None);
    }

    #[test]
    fn a_memfd_needs_the_kernels_setting() {
        assert_eq!(judge_memfd(None, Some("advise")), Ok(()));
        assert_eq!(judge_memfd(Some("inherit"), Some("always")), Ok(()));
        assert_eq!(judge_memfd(Some("always"), Some("never")), Ok(()));
        assert!(judge_memfd(Some("inherit"), Some("never")).is_err_and(|reason| reason.contains("\"never\"")));
        assert!(judge_memfd(Some("never"), Some("always")).is_err_and(|reason| reason.contains("2048kB")));
        assert!(judge_memfd(None, None).is_err_and(|reason| reason.contains("missing")));
    }

    #[test]
    fn a_file_needs_the_mounts_setting() {
        let mounts = "\
22 1 254:0 / / rw,relatime - ext4 /dev/root rw
25 22 0:23 / /dev/shm rw,nosuid shared:4 - tmpfs tmpfs rw,size=64k
26 22 0:24 / /mnt/huge rw - tmpfs tmpfs rw,huge=advise,inode64
27 22 0:25 / /mnt/none rw - tmpfs tmpfs rw,huge=never";
        let on = |minor| judge_file(Some("never"), mount_of(mounts, libc::makedev(0, minor) as u64));
        assert!(on(23).is_err_and(|reason| reason.contains("/dev/shm") && reason.contains("huge=advise")));
        assert_eq!(on(24), Ok(()));
        assert!(on(25).is_err_and(|reason| reason.contains("/mnt/none")));
        assert!(on(99).is_err_and(|reason| reason.contains("could not be found")));
        let disk = mount_of(mounts, libc::makedev(254, 0) as u64);
        assert!(judge_file(Some("advise"), disk).is_err_and(|reason| reason.contains("ext4")));
        assert!(judge_file(Some("deny"), mount_of(mounts, libc::makedev(0, 24) as u64)).is_err());
        assert_eq!(judge_file(Some("force"), disk), Ok(()));
        assert!(judge_file(None, disk).is_err());
    }
}
