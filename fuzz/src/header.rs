//! A header that is nearly valid.

use arbitrary::{Arbitrary, Result, Unstructured};

/// Where the fields lie, as `docs/layout.md` has them: offset and size.
const FIELDS: [(usize, usize); 14] = [
    (0, 8),
    (8, 4),
    (12, 4),
    (16, 8),
    (24, 8),
    (32, 8),
    (40, 8),
    (48, 8),
    (56, 8),
    (64, 8),
    (72, 4),
    (76, 4),
    (80, 8),
    (88, 8),
];

/// What becomes of a field.
#[derive(Arbitrary, Debug, Clone, Copy)]
enum Edit {
    Any(u64),
    Small(u8),
    /// One more, or one less.
    Next(bool),
    /// One bit the other way.
    Flip(u8),
    /// So many times as much, or that part of it: lengths and counts that fit together but for one.
    Times(u8, bool),
    /// What another field says.
    Copy(u8),
}

/// Changes a few fields, as the next bytes say.
pub fn forge(header: &mut [u8], script: &mut Unstructured<'_>) -> Result<()> {
    for _ in 0..script.int_in_range(0..=3)? {
        let place = field(script.arbitrary()?);
        let value = read(header, place);
        let value = match script.arbitrary()? {
            Edit::Any(value) => value,
            Edit::Small(value) => value.into(),
            Edit::Next(up) => value.wrapping_add_signed(if up { 1 } else { -1 }),
            Edit::Flip(bit) => value ^ 1 << (usize::from(bit) % (8 * place.1)),
            Edit::Times(times, true) => value.wrapping_mul(times.into()),
            Edit::Times(part, false) => value / u64::from(part).max(1),
            Edit::Copy(other) => read(header, field(other)),
        };
        let (offset, size) = place;
        header[offset..offset + size].copy_from_slice(&value.to_le_bytes()[..size]);
    }
    Ok(())
}

fn field(number: u8) -> (usize, usize) {
    FIELDS[usize::from(number) % FIELDS.len()]
}

fn read(header: &[u8], (offset, size): (usize, usize)) -> u64 {
    header[offset..offset + size].iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}
