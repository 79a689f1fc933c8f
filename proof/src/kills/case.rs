//! One kill, or two: which scenario, and behind which instruction.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};

/// Written `scenario@instructions`; of two walkers `scenario@first+second`. For a number there may be `end`: when the operation is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub(crate) scenario: String,
    /// Behind how many instructions each walker is left.
    pub(crate) instructions: Vec<u64>,
}

impl Case {
    /// Behind the last instruction, whichever that is.
    pub(crate) const END: u64 = u64::MAX;
    const END_NAME: &str = "end";
}

/// A number of instructions, for people.
pub(crate) fn place_name(place: u64) -> String {
    if place == Case::END { Case::END_NAME.to_owned() } else { place.to_string() }
}

fn place(name: &str) -> anyhow::Result<u64> {
    if name == Case::END_NAME {
        return Ok(Case::END);
    }
    name.parse().with_context(|| format!("{name:?} is no number of instructions, nor `{}`", Case::END_NAME))
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instructions: Vec<String> = self.instructions.iter().map(|place| place_name(*place)).collect();
        write!(f, "{}@{}", self.scenario, instructions.join("+"))
    }
}

impl FromStr for Case {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let Some((scenario, numbers)) = text.split_once('@') else {
            bail!("a case is written scenario@instructions, as it was printed; found {text:?}");
        };
        let instructions = numbers.split('+').map(place).collect::<anyhow::Result<_>>()?;
        Ok(Case { scenario: scenario.to_owned(), instructions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_read_as_it_is_written() {
        for text in ["spsc/push/empty/awake@0", "mpmc/pop/full/awake@17+230", "spsc/pop/full/awake@end"] {
            assert_eq!(text.parse::<Case>().unwrap().to_string(), text);
        }
        for text in ["spsc/push/empty/awake", "spsc/push@", "spsc/push@1+", "spsc/push@-1", "spsc/push@x"] {
            text.parse::<Case>().expect_err(text);
        }
    }
}
