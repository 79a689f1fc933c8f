//! Which two cores are used.

use anyhow::{Context, bail};
use rondel_baselines::allowed_cores;
use std::str::FromStr;

/// Two different cores: one for the side that measures, one for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PairOfCores {
    pub(crate) near: usize,
    pub(crate) far: usize,
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

/// The cores that were asked for, or else the first two that this process may run on.
pub(crate) fn choose(wanted: Option<PairOfCores>) -> anyhow::Result<PairOfCores> {
    let allowed = allowed_cores().context("asking which cores this process may run on")?;
    let list = allowed.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    match (wanted, allowed.as_slice()) {
        (Some(pair), _) => match [pair.near, pair.far].into_iter().find(|core| !allowed.contains(core)) {
            None => Ok(pair),
            Some(core) => bail!("this process may not run on core {core}; allowed: {list}"),
        },
        (None, &[near, far, ..]) => Ok(PairOfCores { near, far }),
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
}
