//! The named ring of a pipeline: found or made, and taken away by whoever leaves it last.
//!
//! A name may be removed while somebody comes, who then stood in a ring that nobody else will ever find. Two rules keep that
//! from happening:
//! - a name is removed only under the producer's role and with an empty ring (`rondel unlink` aside);
//! - whoever takes a role looks *afterwards* whether the name still is the ring's, and begins anew if not; a receiver looks
//!   again as long as it has received nothing, for it may take its role next to a sender that is about to leave.

use std::fs;
use std::io;
use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use parse_size::Config;
use rondel::SegmentError;
use rondel::bytes::Ring;
use rondel::segment::Place;

/// What is in such a ring, for the check at attach; "rondpipe" in ASCII, to be recognised in a dump. A program with another
/// idea of what messages are gets an error instead of nonsense.
pub(super) const SCHEMA: u64 = 0x726f_6e64_7069_7065;

/// The capacity of a new ring if nothing else is asked for: about what two cores have in their caches.
const CAPACITY: usize = 1024 * 1024;

/// A role may be taken for an instant only: by one who is just leaving, or who is tidying up.
const ROLE_TRIES: u32 = 10;
const ROLE_WAIT: Duration = Duration::from_millis(20);

/// Each round more means that somebody has made and removed the name between two of our calls.
const ROUNDS: u32 = 64;

/// The ring to use.
#[derive(Args)]
pub(super) struct Which {
    /// The ring's name, as `rondel list` shows it; with a slash in it, the path of a file instead.
    #[arg(value_name = "NAME")]
    pub(super) name: String,

    /// How far the sender may be ahead, in bytes (64K, 16M). Each record takes 8 more than its length, rounded up to 8.
    /// 1M in a new ring if not given. A ring that is there must have exactly the capacity that is given.
    #[arg(long, value_name = "BYTES", value_parser = size)]
    capacity: Option<usize>,

    /// The longest record, its newline or header included (64K, 16M). In a new ring as long as its capacity allows if not
    /// given. A ring that is there must have exactly the one that is given.
    #[arg(long, value_name = "BYTES", value_parser = size)]
    largest: Option<usize>,

    /// Never remove the ring's name, so that the ring outlasts those who use it.
    #[arg(long)]
    pub(super) keep: bool,
}

impl Which {
    fn place(&self) -> Place {
        if self.name.contains('/') { Place::path(&self.name) } else { Place::named(&self.name) }
    }

    /// Finds the ring or makes it, and takes a role in it.
    pub(super) fn enter<H>(&self, take: impl Fn(&Ring) -> Result<H, SegmentError>) -> anyhow::Result<(Ring, H)> {
        let mut refused = 0;
        for _ in 0..ROUNDS {
            let ring = self.find_or_make().map_err(|error| self.refusal(error))?;
            match take(&ring) {
                Ok(handle) if is_named(&ring) => return Ok((ring, handle)),
                Err(SegmentError::RoleTaken { .. }) if refused < ROLE_TRIES => {
                    refused += 1;
                    thread::sleep(ROLE_WAIT);
                }
                Err(error) => return Err(self.refusal(error)),
                Ok(_) => {}
            }
        }
        Err(anyhow!("`{}` is made and removed without a pause", self.name))
    }

    /// As `create_or_attach`, but with a ring that is there anything will do that was not asked for.
    fn find_or_make(&self) -> Result<Ring, SegmentError> {
        let mut wanted = Ring::builder().schema(SCHEMA);
        if let Some(capacity) = self.capacity {
            wanted = wanted.capacity(capacity);
        }
        if let Some(largest) = self.largest {
            wanted = wanted.largest(largest);
        }
        let mut rounds = 0;
        loop {
            match wanted.attach(self.place()) {
                Err(SegmentError::NotFound { .. }) => {}
                result => return result,
            }
            rounds += 1;
            // The longest record has to fit, and others beside it.
            let capacity = self.capacity.unwrap_or(CAPACITY.max(self.largest.unwrap_or(0).saturating_mul(2)));
            match wanted.clone().capacity(capacity).create(self.place()) {
                Err(SegmentError::AlreadyExists { .. }) if rounds < ROUNDS => {}
                result => return result,
            }
        }
    }

    /// Removes the name of a ring that the caller holds the producer's role of. That it cannot is said, and changes nothing:
    /// the exit status tells of the data.
    pub(super) fn remove_unless_kept(&self, ring: &Ring) {
        if self.keep {
            return;
        }
        match ring.unlink() {
            // Somebody was quicker, with `rm` or `rondel unlink`, and may even have made another: none of ours is left.
            Ok(()) | Err(SegmentError::NotFound { .. } | SegmentError::Replaced { .. }) => {}
            Err(error) => eprintln!("rondel: cannot remove the ring `{}`: {error}", self.name),
        }
    }

    fn refusal(&self, error: SegmentError) -> anyhow::Error {
        let told = match error {
            SegmentError::SchemaTag { .. } | SegmentError::RingKind { .. } => {
                format!("`{}` is not a ring of `rondel send` and `rondel recv`", self.name)
            }
            _ => format!("cannot use the ring `{}`", self.name),
        };
        anyhow::Error::new(error).context(told)
    }
}

/// Whether the name, or path, still is the ring's. Where that cannot be told it is believed.
pub(super) fn is_named(ring: &Ring) -> bool {
    let ours = rustix::fs::fstat(ring.as_fd());
    let named = ring.segment().place().to_path().map(fs::symlink_metadata);
    match (ours, named) {
        (Ok(ours), Ok(Ok(named))) => {
            use std::os::unix::fs::MetadataExt;
            (ours.st_dev, ours.st_ino) == (named.dev(), named.ino())
        }
        (_, Ok(Err(error))) => error.kind() != io::ErrorKind::NotFound,
        _ => true,
    }
}

/// A size as dd and head take it: 64K is 65536.
fn size(text: &str) -> Result<usize, String> {
    let bytes = Config::new().with_binary().parse_size(text).map_err(|error| error.to_string())?;
    usize::try_from(bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn which(test: &str) -> Which {
        // The mark by which the integration tests delete what an aborted run has left.
        let name = format!("pipe-place-{test}-pid{}", std::process::id());
        Which { name, capacity: None, largest: None, keep: false }
    }

    #[test]
    fn a_ring_that_loses_its_name_while_a_role_is_taken_is_not_entered() {
        let which = which("lost");
        let rounds = Cell::new(0);
        let (ring, _producer) = which
            .enter(|ring| {
                rounds.set(rounds.get() + 1);
                if rounds.get() <= 2 {
                    ring.unlink()?;
                }
                if rounds.get() == 2 {
                    // Another one has the name by now.
                    which.find_or_make()?;
                }
                ring.producer()
            })
            .expect("the third round");
        assert_eq!(rounds.get(), 3);
        assert!(is_named(&ring));
        which.remove_unless_kept(&ring);
        assert!(!is_named(&ring));
    }

    #[test]
    fn a_role_that_is_taken_for_an_instant_is_waited_for_and_one_that_is_held_is_not() {
        let which = which("taken");
        let (ring, producer) = which.enter(Ring::producer).expect("a new ring");
        let refused = which.enter(Ring::producer).expect_err("it is held");
        assert!(matches!(refused.downcast_ref(), Some(SegmentError::RoleTaken { .. })), "{refused:#}");
        let held = Cell::new(Some(producer));
        let tries = Cell::new(0);
        let taken = which.enter(|ring| {
            tries.set(tries.get() + 1);
            if tries.get() == 3 {
                drop(held.take());
            }
            ring.producer()
        });
        assert!(taken.is_ok() && tries.get() == 3);
        which.remove_unless_kept(&ring);
    }

    #[test]
    fn only_the_own_name_is_removed() {
        let which = which("own");
        let (old, _) = which.enter(Ring::producer).expect("a new ring");
        old.unlink().expect("its name");
        let (new, _) = which.enter(Ring::producer).expect("another");
        which.remove_unless_kept(&old);
        assert!(is_named(&new) && !is_named(&old));
        Which { keep: true, ..which }.remove_unless_kept(&new);
        assert!(is_named(&new));
        new.unlink().expect("its name");
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(["17", "64K", "1M", "1.5KiB"].map(size), [Ok(17), Ok(65_536), Ok(1 << 20), Ok(1536)]);
        assert!(size("many").is_err() && size("").is_err() && size("-1").is_err());
    }
}
