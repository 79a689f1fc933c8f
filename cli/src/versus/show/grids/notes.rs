//! What could not be measured, and why.

use super::super::view::View;
use rondel_baselines::display_bytes;
use std::collections::BTreeSet;

/// A reason, and what it kept from being measured.
pub(in super::super) struct Missing {
    /// Who, and of which sizes where it was not all of them.
    pub(in super::super) who: String,
    pub(in super::super) why: String,
}

/// Each reason once, however much it kept from being measured.
pub(in super::super) fn missing(view: &View) -> Vec<Missing> {
    // In the order in which they were met.
    let mut reasons: Vec<(&str, &str, BTreeSet<usize>)> = Vec::new();
    for record in &view.run.records {
        if let Some(reason) = record.finding.missing() {
            let (who, bytes) = (record.key.transport.as_str(), record.key.payload_bytes);
            match reasons.iter_mut().find(|(one, why, _)| *one == who && *why == reason) {
                Some((.., sizes)) => _ = sizes.insert(bytes),
                None => reasons.push((who, reason, BTreeSet::from([bytes]))),
            }
        }
    }
    let told = |(who, why, sizes): (&str, &str, BTreeSet<usize>)| {
        let all: BTreeSet<usize> =
            view.run.records.iter().filter(|r| r.key.transport == who).map(|r| r.key.payload_bytes).collect();
        let sizes: Vec<String> = if sizes == all { vec![] } else { sizes.into_iter().map(display_bytes).collect() };
        let of = if sizes.is_empty() { String::new() } else { format!(", {}", sizes.join(", ")) };
        // Most reasons begin with the name of whom they are about.
        let why = why.strip_prefix(who).map_or(why, |rest| rest.trim_start_matches([':', ' ']));
        Missing { who: format!("{who}{of}"), why: why.to_owned() }
    };
    reasons.into_iter().map(told).collect()
}
