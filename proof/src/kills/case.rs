//! One kill, or two: which scenario, and behind which instruction.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};

/// Written `scenario@instructions`; of two walkers `scenario@first+second`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub(crate) scenario: String,
    /// Behind how many instructions each walker is left.
    pub(crate) instructions: Vec<u64>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instructions: Vec<String> = self.instructions.iter().map(u64::to_string).collect();
        write!(f, "{}@{}", self.scenario, instructions.join("+"))
    }
}

impl FromStr for Case {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let Some((scenario, numbers)) = text.split_once('@') else {
            bail!("a case is written scenario@instructions, as it was printed; found {text:?}");
        };
        let instructions = numbers
            .split('+')
            .map(|number| number.parse().with_context(|| format!("{number:?} is no number of instructions")))
            .collect::<anyhow::Result<_>>()?;
        Ok(Case { scenario: scenario.to_owned(), instructions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_read_as_it_is_written() {
        for text in ["spsc/push/empty/awake@0", "mpmc/pop/full/awake@17+230"] {
            assert_eq!(text.parse::<Case>().unwrap().to_string(), text);
        }
        for text in ["spsc/push/empty/awake", "spsc/push@", "spsc/push@1+", "spsc/push@-1", "spsc/push@x"] {
            text.parse::<Case>().expect_err(text);
        }
    }
}
