//! Where a segment is: under a name in `/dev/shm`, at a path, or nowhere.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::SegmentError;

/// The directory of named segments.
pub(super) const NAMED_DIR: &str = "/dev/shm";
/// What a named segment's file name starts with.
pub(super) const NAMED_PREFIX: &str = "rondel.";
/// What the temporary files of a creation or a deletion start with. A name cannot start with a dot,
/// so no segment's file can be taken for one.
pub(super) const TEMPORARY_PREFIX: &str = ".rondel-";
/// The longest name, in bytes: with the prefix it stays under the 255 bytes a file name may have.
const LONGEST_NAME: usize = 200;

/// Where a segment is.
///
/// A `&str` or `String` is a *name*: 1 to 200 bytes of `A-Z a-z 0-9 . _ -`, the first not a dot.
/// The segment called `prices` is the file `/dev/shm/rondel.prices`. A [`Path`] or [`PathBuf`] is a
/// *path*, on any file system that can map files; only one in memory (tmpfs) keeps the kernel from
/// writing the ring to a disk now and then.
///
/// Nothing is checked before the place is used; a name that cannot be is
/// [`SegmentError::InvalidName`] then.
///
/// # Examples
/// ```
/// use std::path::Path;
/// use rondel::segment::Place;
///
/// assert_eq!(Place::from("prices").to_string(), "/dev/shm/rondel.prices");
/// assert_eq!(Place::from(Path::new("/tmp/prices")).to_string(), "/tmp/prices");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place(Where);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Where {
    Name(String),
    Path(PathBuf),
    Anonymous,
}

impl Place {
    /// The segment of this name in `/dev/shm`.
    pub fn named(name: impl Into<String>) -> Self {
        Self(Where::Name(name.into()))
    }

    /// The segment at this path.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self(Where::Path(path.into()))
    }

    /// No place: an anonymous segment.
    pub(crate) const fn anonymous() -> Self {
        Self(Where::Anonymous)
    }

    /// Whether this is the place of an anonymous segment.
    pub(super) const fn is_anonymous(&self) -> bool {
        matches!(self.0, Where::Anonymous)
    }

    /// The name, where the segment has one in `/dev/shm`.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Where::Name(name) => Some(name),
            Where::Path(_) | Where::Anonymous => None,
        }
    }

    /// The file's path, made absolute, so that it still means the same after the process has
    /// changed its directory.
    ///
    /// # Errors
    /// [`SegmentError::InvalidName`], [`SegmentError::Anonymous`], and [`SegmentError::Io`] where a
    /// relative path is given and the current directory cannot be told.
    pub fn to_path(&self) -> Result<PathBuf, SegmentError> {
        match &self.0 {
            Where::Name(name) => {
                check_name(name)?;
                Ok(Path::new(NAMED_DIR).join(format!("{NAMED_PREFIX}{name}")))
            }
            Where::Path(path) => {
                check_path(path)?;
                std::path::absolute(path)
                    .map_err(|source| SegmentError::io("find the current directory for", self, source))
            }
            Where::Anonymous => Err(SegmentError::Anonymous),
        }
    }
}

/// Says what is wrong with a name.
fn check_name(name: &str) -> Result<(), SegmentError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let reason = if name.is_empty() {
        "is empty"
    } else if name.len() > LONGEST_NAME {
        "is longer than 200 bytes"
    } else if name.starts_with('.') {
        "starts with a dot"
    } else if !name.bytes().all(allowed) {
        "has a character outside A-Z a-z 0-9 . _ -"
    } else {
        return Ok(());
    };
    Err(SegmentError::InvalidName { name: name.to_owned(), reason })
}

/// Says what is wrong with a path.
fn check_path(path: &Path) -> Result<(), SegmentError> {
    let bytes = path.as_os_str().as_encoded_bytes();
    let reason = if bytes.is_empty() {
        "is empty"
    } else if bytes.contains(&0) {
        "contains a zero byte"
    } else if bytes.ends_with(b"/") || path.file_name().is_none() {
        "does not end in a file name"
    } else {
        return Ok(());
    };
    Err(SegmentError::InvalidName { name: path.to_string_lossy().into_owned(), reason })
}

impl From<&str> for Place {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl From<String> for Place {
    fn from(name: String) -> Self {
        Self::named(name)
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::path(path)
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::path(path)
    }
}

impl From<&PathBuf> for Place {
    fn from(path: &PathBuf) -> Self {
        Self::path(path)
    }
}

impl From<&Place> for Place {
    fn from(place: &Place) -> Self {
        place.clone()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Where::Name(name) => write!(f, "{NAMED_DIR}/{NAMED_PREFIX}{name}"),
            Where::Path(path) => path.display().fmt(f),
            Where::Anonymous => f.write_str("anonymous memory"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(place: impl Into<Place>) -> Option<&'static str> {
        match place.into().to_path() {
            Ok(_) => None,
            Err(SegmentError::InvalidName { reason, .. }) => Some(reason),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn names_are_files_in_dev_shm() {
        let longest = "x".repeat(200);
        for name in
            ["a", "prices", "A-Z_0.9", "..".trim_start_matches('.'), &longest].into_iter().filter(|n| !n.is_empty())
        {
            let path = Place::from(name).to_path().expect(name);
            assert_eq!(path, Path::new("/dev/shm").join(format!("rondel.{name}")));
        }
    }

    #[test]
    fn names_that_could_leave_the_directory_are_refused() {
        assert_eq!(reason(""), Some("is empty"));
        assert_eq!(reason("x".repeat(201)), Some("is longer than 200 bytes"));
        assert_eq!(reason(".hidden"), Some("starts with a dot"));
        assert_eq!(reason(".."), Some("starts with a dot"));
        for name in ["a/b", "a b", "ä", "a\0", "a\n"] {
            assert_eq!(reason(name), Some("has a character outside A-Z a-z 0-9 . _ -"), "{name:?}");
        }
    }

    #[test]
    fn paths_must_name_a_file() {
        assert_eq!(reason(Path::new("")), Some("is empty"));
        assert_eq!(reason(Path::new("/tmp/")), Some("does not end in a file name"));
        assert_eq!(reason(Path::new("/")), Some("does not end in a file name"));
        assert_eq!(reason(Path::new("/tmp/..")), Some("does not end in a file name"));
        assert_eq!(reason(Path::new("/tmp/a\0b")), Some("contains a zero byte"));
        assert_eq!(reason(Path::new("/tmp/a")), None);
    }

    #[test]
    fn relative_paths_are_made_absolute() {
        let path = Place::path("some-ring").to_path().expect("a relative path");
        assert_eq!(path, std::env::current_dir().expect("a directory").join("some-ring"));
    }
}
