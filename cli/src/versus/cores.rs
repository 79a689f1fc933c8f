//! Which cores are used.

use super::placement::Placement;
use anyhow::{Context, bail};
use clap::ValueEnum;
use rondel_baselines::allowed_cores;
use std::str::FromStr;

/// Two cores: one for the side that measures, one for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PairOfCores {
    pub(crate) near: usize,
    pub(crate) far: usize,
}

impl PairOfCores {
    pub(crate) fn placement(self) -> Placement {
        Placement::of(self.near, self.far)
    }
}

/// What may be asked for: two cores by their numbers, or by what they share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Pair(PairOfCores),
    Placed(Placement),
}

/// The cores of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Those of the two sides, where there are two.
    pub(crate) pair: PairOfCores,
    /// Those of many, where there are many; the pair is among them, and comes first.
    pub(crate) all: Vec<usize>,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(placement) = Placement::from_str(text, false) {
            return Ok(Wanted::Placed(placement));
        }
        let cores: Option<Vec<usize>> = text.split(',').map(|core| core.trim().parse().ok()).collect();
        match cores.as_deref() {
            Some(&[near, far]) if near != far => Ok(Wanted::Pair(PairOfCores { near, far })),
            Some([_, _]) => Err("the two cores must differ; to share one, say same-core".to_owned()),
            _ => Err(format!("expected the numbers of two cores, for example 2,3, or one of {}", placements())),
        }
    }
}

fn placements() -> String {
    Placement::value_variants().iter().map(|placement| placement.name()).collect::<Vec<_>>().join(", ")
}

/// The two cores that were asked for and no others, or else all that this process may run on, of which the first two are
/// the pair.
pub(crate) fn choose(wanted: Option<Wanted>) -> anyhow::Result<Chosen> {
    let allowed = allowed_cores().context("asking which cores this process may run on")?;
    choose_from(wanted, allowed, Placement::of)
}

fn choose_from(
    wanted: Option<Wanted>,
    allowed: Vec<usize>,
    placement: impl Fn(usize, usize) -> Placement,
) -> anyhow::Result<Chosen> {
    let list = allowed.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let chosen = |near, far| {
        let all = if near == far { vec![near] } else { vec![near, far] };
        Ok(Chosen { pair: PairOfCores { near, far }, all })
    };
    match (wanted, allowed.as_slice()) {
        (Some(Wanted::Pair(PairOfCores { near, far })), _) => {
            match [near, far].into_iter().find(|core| !allowed.contains(core)) {
                None => chosen(near, far),
                Some(core) => bail!("this process may not run on core {core}; allowed: {list}"),
            }
        }
        (Some(Wanted::Placed(wanted)), cores) => {
            let pairs = cores.iter().flat_map(|near| cores.iter().map(move |far| (*near, *far)));
            let placed: Vec<_> = pairs.map(|(near, far)| (near, far, placement(near, far))).collect();
            match placed.iter().find(|(.., placement)| *placement == wanted) {
                Some(&(near, far, _)) => chosen(near, far),
                None => {
                    let is_there = |one: &&Placement| placed.iter().any(|(.., placement)| placement == *one);
                    let there: Vec<_> = Placement::value_variants().iter().filter(is_there).map(|p| p.name()).collect();
                    bail!("no two of the cores {list} are {}; here are {}", wanted.name(), there.join(", "))
                }
            }
        }
        (None, &[near, far, ..]) => Ok(Chosen { pair: PairOfCores { near, far }, all: allowed }),
        (None, _) => bail!(
            "two processors are needed, one for each side, but this process may run on one only (core {list}); \
             if taskset, a cgroup or a container restricts it, allow it a second one, or let both sides share the one \
             (--cores same-core), which says little"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_two_different_numbers_or_a_placement() {
        let pair = |near, far| Ok(Wanted::Pair(PairOfCores { near, far }));
        assert_eq!("2,3".parse(), pair(2, 3));
        assert_eq!("5, 0".parse(), pair(5, 0));
        assert_eq!("same-l3".parse(), Ok(Wanted::Placed(Placement::SameL3)));
        for wrong in ["", "1", "1,", "1,2,3", "a,b", "-1,2", "1;2", "same"] {
            let told = wrong.parse::<Wanted>().unwrap_err();
            assert!(told.contains("two cores") && told.contains("smt-siblings"), "{wrong:?}: {told}");
        }
        assert!("4,4".parse::<Wanted>().unwrap_err().contains("differ"));
    }

    /// Cores 1 and 4 are siblings, 6 is on the same socket.
    fn placed(one: usize, other: usize) -> Placement {
        match one.min(other) {
            _ if one == other => Placement::SameCore,
            1 if one.max(other) == 4 => Placement::SmtSiblings,
            _ => Placement::SameSocket,
        }
    }

    #[test]
    fn two_are_asked_for_and_no_more_are_used() {
        let chosen = |wanted: Option<&str>| {
            let wanted = wanted.map(|text| text.parse().unwrap());
            choose_from(wanted, vec![1, 4, 6], placed).map_err(|error| error.to_string())
        };
        let all = |near, far, all: &[usize]| Ok(Chosen { pair: PairOfCores { near, far }, all: all.to_vec() });
        assert_eq!(chosen(None), all(1, 4, &[1, 4, 6]));
        assert_eq!(chosen(Some("6,1")), all(6, 1, &[6, 1]));
        assert_eq!(chosen(Some("smt-siblings")), all(1, 4, &[1, 4]));
        assert_eq!(chosen(Some("same-socket")), all(1, 6, &[1, 6]));
        assert_eq!(chosen(Some("same-core")), all(1, 1, &[1]));
        assert!(chosen(Some("1,2")).unwrap_err().contains("core 2; allowed: 1, 4, 6"));
        let told = chosen(Some("across")).unwrap_err();
        assert_eq!(told, "no two of the cores 1, 4, 6 are across; here are same-core, smt-siblings, same-socket");
    }
}
