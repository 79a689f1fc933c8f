//! A ring and what it has to be, side by side: a queue of the standard library, and all that is known besides.
//!
//! One thread plays all participants, so every answer is determined by the operations before it. The property tests
//! (`tests/*_model`) draw the operations from proptest, which shrinks what fails; the fuzz targets (`fuzz/`) make them of the
//! bytes that a fuzzer thinks of, which looks where they lead. A participant may also [die](death): in the middle of nothing, or
//! with something in its hands.

pub mod bytes;
pub mod death;
pub mod element;
#[allow(dead_code, reason = "here nobody aborts")]
#[path = "../../tests/shared/leftovers.rs"]
mod leftovers;
pub mod mpmc;
pub mod spsc;

/// Where a model's ring lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// In a file in `/dev/shm`, which the model unlinks.
    Named,
    /// In a memfd.
    Anonymous,
    /// In two, with read-only consumers; of many to many, in one.
    Unwritable,
}

/// A strategy of waiting, as far as they differ where there is no time to wait.
pub const WAITS: [rondel::Wait; 4] = [
    rondel::Wait::BusySpin,
    rondel::Wait::Park,
    rondel::Wait::SpinThenPark { spin: rondel::Wait::DEFAULT_SPIN },
    rondel::Wait::SpinThenPark { spin: std::time::Duration::ZERO },
];

/// How many elements at once: as many as a byte says, and of its largest values more, so that now and then they are more than fit.
#[cfg(feature = "arbitrary")]
fn batch(bytes: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<usize> {
    let len: u8 = bytes.arbitrary()?;
    Ok(match len {
        0..224 => usize::from(len % 16),
        _ => usize::from(len - 223) * 9,
    })
}
