//! The seeds of every target, and every input that ever made one fail (`crashes/`), without a fuzzer.
//!
//! What a target finds wrong is a panic, so a test that has come to its end has found nothing.

use std::fs;
use std::path::{Path, PathBuf};

use rondel_fuzz::targets::{ALL, Target};

/// The files of a directory; none where there is no directory, for not every target has failed yet.
fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

fn replay(name: &str, target: Target) {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = files(&home.join("seeds").join(name));
    let crashes = files(&home.join("crashes").join(name));
    assert!(!seeds.is_empty(), "{name} has no seeds");
    for file in seeds.iter().chain(&crashes) {
        // Printed only where the test fails: the last one is the one.
        println!("{}", file.display());
        target(&fs::read(file).expect("readable"));
    }
    // Nothing, and bytes that nobody has chosen.
    target(&[]);
    for len in [1, 2, 3, 16, 300] {
        for byte in [0, 0x55, 0xff] {
            target(&vec![byte; len]);
        }
    }
}

macro_rules! every_seed_and_crash_of {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name), rondel_fuzz::targets::$name::run);
            }
        )+

        /// No target is forgotten here, nor a directory left of one that is no more.
        #[test]
        fn nothing_is_left_out() {
            assert_eq!(ALL.map(|(name, _)| name), [$(stringify!($name)),+]);
            let home = Path::new(env!("CARGO_MANIFEST_DIR"));
            for kept in ["seeds", "crashes"] {
                for directory in files(&home.join(kept)) {
                    let name = directory.file_name().and_then(|name| name.to_str()).expect("a name");
                    assert!(ALL.iter().any(|(target, _)| *target == name), "{kept}/{name} is of no target");
                }
            }
        }
    };
}

every_seed_and_crash_of!(
    attach,
    attach_bytes,
    attach_divided,
    attach_mpmc,
    hostile,
    hostile_bytes,
    hostile_mpmc,
    model,
    model_bytes,
    model_mpmc,
    protocol,
    protocol_bytes,
    protocol_mpmc,
);
