//! Headers at random. What attaching accepts is what creating writes, and nothing makes it panic.

use std::fs;

use proptest::prelude::*;
use rondel::SegmentError;
use rondel::spsc::Ring;

use crate::common::Directory;
use crate::header::{END, Victim};

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the header holds, attaching returns; and what it accepts is what creating writes.
    #[test]
    fn no_header_is_too_strange(
        changes in proptest::collection::vec((0..END / 4, interesting()), 0..6),
        file_len in prop_oneof![Just(None), (0_u64..20_000).prop_map(Some)],
        capacity in proptest::option::of(0..200_usize),
    ) {
        let victim = Victim::new("proptest");
        let good: Vec<u64> = (0..END as u64 / 8).map(|word| victim.read_u64(word * 8)).collect();
        for (half, value) in changes {
            victim.write(&value.to_ne_bytes(), half as u64 * 4);
        }
        if let Some(len) = file_len {
            victim.file.set_len(len).expect("not sealed");
        }
        let mut builder = Ring::<u64>::builder().schema(7);
        if let Some(capacity) = capacity {
            builder = builder.capacity(capacity);
        }
        if let Ok(ring) = builder.attach(&victim.path) {
            prop_assert!(capacity.is_none_or(|capacity| capacity as u64 == ring.segment().capacity()));
            let len = victim.file.metadata().expect("open").len();
            prop_assert_eq!(ring.segment().total_len(), len);
            for (word, &value) in good.iter().enumerate() {
                prop_assert_eq!(victim.read_u64(word as u64 * 8), value, "word {}", word);
            }
        }
    }

    /// The same with nothing but noise behind the magic number.
    #[test]
    fn noise_is_no_segment(noise in proptest::collection::vec(any::<u8>(), 0..9000)) {
        let directory = Directory::new("noise");
        let path = directory.file("ring");
        let bytes = [b"RONDEL\0\x01\x01\0\0\0\x01\0\0\0".as_slice(), &noise].concat();
        fs::write(&path, bytes).expect("a file");
        match Ring::<u64>::builder().mode(0o666).attach(&path) {
            // These come before the rest of the header, and would mean that nothing was tested.
            Err(SegmentError::Mode { .. } | SegmentError::NotRondel { .. } | SegmentError::LayoutVersion { .. }) | Ok(_) => {
                prop_assert!(false, "not refused for what its header says");
            }
            Err(_) => {}
        }
    }
}

/// Half a word of the header: small, large, and the numbers that mean something.
fn interesting() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), 0_u32..16, Just(u32::MAX), Just(0x8000_0000), Just(4096), Just(2 << 20), Just(128),]
}
