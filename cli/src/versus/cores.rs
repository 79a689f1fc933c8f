//! Which cores are used.

use anyhow::{Context, bail};
use rondel_baselines::allowed_cores;
use std::str::FromStr;

/// Two different cores: one for the side that measures, one for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PairOfCores {
    pub(crate) near: usize,
    pub(crate) far: usize,
}

/// The cores of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Those of the two sides, where there are two.
    pub(crate) pair: PairOfCores,
    /// Those of many, where there are many; the pair is among them, and comes first.
    pub(crate) all: Vec<usize>,
}

impl FromStr for PairOfCores {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let cores: Option<Vec<usize>> = text.split(',').map(|core| core.trim().parse().ok()).collect();
        match cores.as_deref() {
            Some(&[near, far]) if near != far => Ok(PairOfCores { near, far }),
            Some([_, _]) => Err("the two cores must differ".to_owned()),
            _ => Err("expected the numbers of two cores, for example 2,3".to_owned()),
        }
    }
}

/// The two cores that were asked for and no others, or else all that this process may run on, of which the first two are
/// the pair.
pub(crate) fn choose(wanted: Option<PairOfCores>) -> anyhow::Result<Chosen> {
    choose_from(wanted, allowed_cores().context("asking which cores this process may run on")?)
}

fn choose_from(wanted: Option<PairOfCores>, allowed: Vec<usize>) -> anyhow::Result<Chosen> {
    let list = allowed.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    match (wanted, allowed.as_slice()) {
        (Some(pair), _) => match [pair.near, pair.far].into_iter().find(|core| !allowed.contains(core)) {
            None => Ok(Chosen { pair, all: vec![pair.near, pair.far] }),
            Some(core) => bail!("this process may not run on core {core}; allowed: {list}"),
        },
        (None, &[near, far, ..]) => Ok(Chosen { pair: PairOfCores { near, far }, all: allowed }),
        (None, _) => bail!(
            "two processors are needed, one for each side, but this process may run on one only (core {list}); \
             if taskset, a cgroup or a container restricts it, allow it a second one"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_two_different_numbers() {
        assert_eq!("2,3".parse(), Ok(PairOfCores { near: 2, far: 3 }));
        assert_eq!("5, 0".parse(), Ok(PairOfCores { near: 5, far: 0 }));
        for wrong in ["", "1", "1,", "1,2,3", "a,b", "-1,2", "1;2"] {
            assert!(wrong.parse::<PairOfCores>().unwrap_err().contains("two cores"), "{wrong:?}");
        }
        assert!("4,4".parse::<PairOfCores>().unwrap_err().contains("differ"));
    }

    #[test]
    fn two_are_asked_for_and_no_more_are_used() {
        let chosen = |wanted: Option<&str>| {
            choose_from(wanted.map(|text| text.parse().unwrap()), vec![1, 4, 6]).map_err(|error| error.to_string())
        };
        let all = |near, far, all: &[usize]| Ok(Chosen { pair: PairOfCores { near, far }, all: all.to_vec() });
        assert_eq!(chosen(None), all(1, 4, &[1, 4, 6]));
        assert_eq!(chosen(Some("6,1")), all(6, 1, &[6, 1]));
        assert!(chosen(Some("1,2")).unwrap_err().contains("core 2; allowed: 1, 4, 6"));
    }
}
