//! Which core each side runs on.

use crate::{Error, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Where the two sides of a conversation run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cores {
    /// Each side on a core of its own.
    Pinned {
        /// The side that measures.
        near: usize,
        /// The other side.
        far: usize,
    },
    /// Wherever the scheduler puts them: for checks of correctness, also on a machine with one core.
    Anywhere,
}

impl Cores {
    pub(crate) fn near(self) -> Option<usize> {
        match self {
            Cores::Pinned { near, .. } => Some(near),
            Cores::Anywhere => None,
        }
    }

    pub(crate) fn far(self) -> Option<usize> {
        match self {
            Cores::Pinned { far, .. } => Some(far),
            Cores::Anywhere => None,
        }
    }
}

/// The cores that the calling thread may run on, in ascending order.
///
/// # Errors
///
/// What the system says, for instance on a machine with more than 1024 cores, whose set does not fit the call.
pub fn allowed_cores() -> std::io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
}

/// Pins the calling thread, if a core is given.
pub(crate) fn pin(core: Option<usize>) -> Result<()> {
    let Some(core) = core else { return Ok(()) };
    let refused = |source| Box::new(Error::Pin { core, source });
    if core >= CpuSet::MAX_CPU {
        return Err(refused(std::io::ErrorKind::InvalidInput.into()));
    }
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).map_err(|error| refused(error.into()))
}

/// The calling thread pinned to a core until this is dropped; then it may run where it could before.
pub(crate) struct Pinned {
    before: Option<CpuSet>,
}

impl Pinned {
    pub(crate) fn to(core: Option<usize>) -> Result<Self> {
        let Some(number) = core else {
            return Ok(Pinned { before: None });
        };
        let before =
            sched_getaffinity(None).map_err(|error| Box::new(Error::Pin { core: number, source: error.into() }))?;
        pin(core)?;
        Ok(Pinned { before: Some(before) })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // It was allowed before. If the allowed cores have been changed meanwhile the thread stays where it is.
            let _ = sched_setaffinity(None, before);
        }
    }
}
