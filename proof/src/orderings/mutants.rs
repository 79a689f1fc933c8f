//! Which mutant is on: the tool appends this to the copy's `sync`, and the copy's protocol files ask here.
//!
//! One build serves for all mutants. The environment says which one is on, and in a control run, where none is, which file is to
//! be told the sites that were reached. None of this is anything that loom sees.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock};

/// The mutant that is on, if one is.
fn on(mutant: usize) -> bool {
    static ON: OnceLock<Option<usize>> = OnceLock::new();
    *ON.get_or_init(|| Some(std::env::var("RONDEL_MUTANT").ok()?.parse().expect("a mutant's number"))) == Some(mutant)
}

/// Notes that a model has come to this site, if somebody wants to know.
fn reached(site: usize) {
    static NOTES: OnceLock<Option<(std::fs::File, Mutex<BTreeSet<usize>>)>> = OnceLock::new();
    let notes = NOTES.get_or_init(|| {
        let path = std::env::var_os("RONDEL_MUTANT_SITES")?;
        Some((std::fs::File::create(path).expect("a place for the sites"), Mutex::default()))
    });
    if let Some((file, known)) = notes {
        if known.lock().unwrap().insert(site) {
            // Line by line, for a model may end in any way.
            let mut file = file;
            writeln!(file, "{site}").expect("room for the sites");
        }
    }
}

/// The ordering of a site: its own, or that of the mutant which is on.
pub(crate) fn ordering(site: usize, own: Ordering, weaker: &[(usize, Ordering)]) -> Ordering {
    reached(site);
    weaker.iter().find(|(mutant, _)| on(*mutant)).map_or(own, |&(_, order)| order)
}

/// True if the call at a site is to be left out.
pub(crate) fn left_out(site: usize, mutant: usize) -> bool {
    reached(site);
    on(mutant)
}
