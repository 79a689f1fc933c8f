//! One worker's name, or its directory: where its segments are, and what may lie beside them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rondel::segment::{SegmentInfo, list};
use rondel::{Builder, Place, SegmentError, spsc};

use super::{Where, workplace};

/// The ring in the segment.
pub(super) type Ring = spsc::Ring<u64>;

/// How many elements always fit.
pub(super) const CAPACITY: u64 = 8;

pub(super) struct Site {
    pub(super) place: Where,
    name: String,
    path: PathBuf,
}

/// What a killed process has left beside the name.
#[derive(Debug)]
pub(super) enum Leftover {
    /// Beside a path.
    File(PathBuf),
    /// Beside a name: a listing shows it.
    Listed(SegmentInfo),
}

impl Leftover {
    fn path(&self) -> &Path {
        match self {
            Leftover::File(path) => path,
            Leftover::Listed(info) => &info.path,
        }
    }

    /// Whether it is what creating, or deleting, leaves: `.rondel-new.PID.…` or `.rondel-old.PID.…`.
    pub(super) fn is_of(&self, purpose: &str, pid: libc::pid_t) -> bool {
        let name = self.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(&format!(".rondel-{purpose}.{pid}."))
    }

    /// Deletes it, as one is told to.
    pub(super) fn delete(&self) {
        match self {
            Leftover::File(path) => fs::remove_file(path).expect("it can be deleted"),
            Leftover::Listed(info) => info.unlink().expect("it can be deleted"),
        }
    }
}

impl Site {
    /// A place where nothing is. What a case before has left that did not end well is removed.
    pub(super) fn new(place: Where) -> Self {
        let directory = workplace::directory();
        let name = format!("{}{}", workplace::name_prefix(), std::process::id());
        let path = match place {
            Where::Name => Place::named(name.as_str()).to_path().expect("a good name"),
            Where::Path | Where::Nowhere => directory.join(std::process::id().to_string()).join("ring"),
        };
        let site = Self { place, name, path };
        site.clear().expect("a place of its own");
        site
    }

    fn clear(&self) -> io::Result<()> {
        match self.place {
            Where::Name => match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
            Where::Path | Where::Nowhere => {
                let directory = self.directory();
                fs::create_dir_all(directory)?;
                for entry in fs::read_dir(directory)? {
                    fs::remove_file(entry?.path())?;
                }
                Ok(())
            }
        }
    }

    fn directory(&self) -> &Path {
        self.path.parent().expect("a file's path")
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    pub(super) fn place(&self) -> Place {
        match self.place {
            Where::Name => Place::named(self.name.as_str()),
            Where::Path | Where::Nowhere => Place::path(&self.path),
        }
    }

    pub(super) fn builder(&self) -> Builder<Ring> {
        Ring::builder().capacity(CAPACITY as usize).schema(workplace::schema())
    }

    pub(super) fn create(&self) -> Result<Ring, SegmentError> {
        match self.place {
            Where::Name | Where::Path => self.builder().create(self.place()),
            Where::Nowhere => self.builder().anonymous(),
        }
    }

    pub(super) fn attach(&self) -> Result<Ring, SegmentError> {
        self.builder().attach(self.place())
    }

    /// The segment that has the name. Anything but a whole one, or nothing, is a fault.
    pub(super) fn find(&self) -> Option<Ring> {
        match self.attach() {
            Ok(ring) => {
                assert_eq!(ring.capacity() as u64, CAPACITY);
                Some(ring)
            }
            Err(SegmentError::NotFound { .. }) => None,
            Err(error) => panic!("the name holds something that is no segment: {error:?}"),
        }
    }

    /// What a listing says of the name.
    pub(super) fn listed(&self) -> Option<SegmentInfo> {
        assert_eq!(self.place, Where::Name, "others are not listed");
        list().expect("a directory").into_iter().find(|info| info.path == self.path)
    }

    /// What a process has left beside the name.
    pub(super) fn leftovers(&self, by: libc::pid_t) -> Vec<Leftover> {
        match self.place {
            Where::Name => {
                let is_left =
                    |info: &SegmentInfo| matches!(info.detail, Err(SegmentError::Leftover { pid }) if pid == by as u32);
                list().expect("a directory").into_iter().filter(is_left).map(Leftover::Listed).collect()
            }
            Where::Path | Where::Nowhere => {
                let entries = fs::read_dir(self.directory()).expect("a directory");
                let paths = entries.map(|entry| entry.expect("an entry").path());
                paths.filter(|path| *path != self.path).map(Leftover::File).collect()
            }
        }
    }

    /// Makes sure that nothing is left.
    pub(super) fn end(&self) {
        assert!(fs::symlink_metadata(&self.path).is_err(), "the name is still there");
        if self.place != Where::Name {
            let left = fs::read_dir(self.directory()).expect("a directory").count();
            assert_eq!(left, 0, "files are left");
        }
    }
}
