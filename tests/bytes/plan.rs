//! What a stream is written and read with: random calls of random sizes.

use std::env;
use std::io::{self, BufRead, ErrorKind, IoSlice, Write};

use fastrand::Rng;

/// One call of the writer, or a few.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Writing {
    /// One `write` after the other, of at most so many bytes each.
    Write(usize),
    WriteAll,
    /// `write_vectored` of pieces of so many bytes.
    Vectored(usize),
}

/// One call of the reader, or a few, such that what they give together does not depend on how the bytes arrive.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reading {
    /// `read` of at most so many bytes each, to so many together.
    Read(usize, usize),
    Exact(usize),
    /// To this byte.
    Until(u8),
    /// `fill_buf`, of which so many bytes at most are consumed each time, to so many together.
    Buffer(usize, usize),
}

/// A stream's bytes, and how it is written and read.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) bytes: Vec<u8>,
    writes: Vec<(Writing, usize)>,
    reads: Vec<Reading>,
}

/// Mostly small, now and then large, never 0.
fn size(rng: &mut Rng, most: usize) -> usize {
    1 + match rng.u8(0..4) {
        0 => rng.usize(0..10),
        1 => rng.usize(0..most.div_ceil(50)),
        2 => rng.usize(0..most.div_ceil(5)),
        _ => rng.usize(0..most),
    }
}

/// `RONDEL_SEED`, or another one each time.
pub(crate) fn seed() -> u64 {
    env::var("RONDEL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..))
}

impl Plan {
    /// A stream of `len` bytes in calls of up to `most`.
    pub(crate) fn new(seed: u64, len: usize, most: usize) -> Plan {
        let mut rng = Rng::with_seed(seed);
        // Few enough values for each of them to come now and then.
        let bytes = (0..len).map(|_| rng.u8(0..64)).collect();
        let mut writes = Vec::new();
        let mut left = len;
        while left > 0 {
            let len = size(&mut rng, most).min(left);
            let writing = match rng.u8(0..4) {
                0 => Writing::Write(size(&mut rng, most)),
                1 => Writing::Vectored(size(&mut rng, most)),
                _ => Writing::WriteAll,
            };
            writes.push((writing, len));
            left -= len;
        }
        let mut reads = Vec::new();
        let mut left = len as isize;
        // Some beyond the end.
        while left > -(most as isize) {
            let len = size(&mut rng, most);
            let reading = match rng.u8(0..6) {
                0 | 1 => Reading::Read(size(&mut rng, most), len),
                2 => Reading::Exact(len),
                3 => Reading::Until(rng.u8(0..64)),
                _ => Reading::Buffer(size(&mut rng, most), len),
            };
            left -= if matches!(reading, Reading::Until(_)) { 30 } else { len as isize };
            reads.push(reading);
        }
        Plan { seed, bytes, writes, reads }
    }

    /// Writes all of it, or up to the first error.
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut rest = &self.bytes[..];
        for &(writing, len) in &self.writes {
            let (mut now, behind) = rest.split_at(len);
            rest = behind;
            match writing {
                Writing::WriteAll => to.write_all(now)?,
                Writing::Write(most) => {
                    while !now.is_empty() {
                        let written = to.write(&now[..most.min(now.len())])?;
                        assert!(written > 0, "no error, and no progress");
                        now = &now[written..];
                    }
                }
                Writing::Vectored(piece) => {
                    while !now.is_empty() {
                        // An empty one first, which says nothing.
                        let slices: Vec<_> = [&[][..]].into_iter().chain(now.chunks(piece)).map(IoSlice::new).collect();
                        let written = to.write_vectored(&slices[..slices.len().min(100)])?;
                        assert!(written > 0, "no error, and no progress");
                        now = &now[written..];
                    }
                }
            }
            to.flush()?;
        }
        Ok(())
    }

    /// Reads to the end, and beyond; returns the bytes that each of the readings gave, or the kind of its error.
    pub(crate) fn read(&self, from: &mut impl BufRead) -> Vec<Result<Vec<u8>, ErrorKind>> {
        let mut readings: Vec<_> =
            self.reads.iter().map(|&reading| read(from, reading).map_err(|e| e.kind())).collect();
        let mut rest = Vec::new();
        readings.push(from.read_to_end(&mut rest).map(|_| rest).map_err(|error| error.kind()));
        // The end is said again and again.
        for _ in 0..3 {
            readings.push(read(from, Reading::Read(10, 10)).map_err(|error| error.kind()));
            readings.push(read(from, Reading::Exact(1)).map_err(|error| error.kind()));
        }
        readings
    }
}

fn read(from: &mut impl BufRead, reading: Reading) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match reading {
        Reading::Read(most, len) => {
            let mut buffer = vec![0; most];
            while bytes.len() < len {
                let read = from.read(&mut buffer[..most.min(len - bytes.len())])?;
                if read == 0 {
                    break;
                }
                bytes.extend(&buffer[..read]);
            }
        }
        Reading::Exact(len) => {
            bytes.resize(len, 0);
            from.read_exact(&mut bytes)?;
        }
        Reading::Until(byte) => drop(from.read_until(byte, &mut bytes)?),
        Reading::Buffer(most, len) => {
            while bytes.len() < len {
                let buffer = from.fill_buf()?;
                if buffer.is_empty() {
                    break;
                }
                let read = buffer.len().min(most).min(len - bytes.len());
                bytes.extend(&buffer[..read]);
                from.consume(read);
            }
        }
    }
    Ok(bytes)
}
