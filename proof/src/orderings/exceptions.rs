//! What no loom model notices, with the argument why: `docs/orderings.toml`.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::plan::{Key, Plan};

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exceptions {
    #[serde(default, rename = "exception")]
    pub(crate) all: Vec<Exception>,
    #[serde(default, rename = "stand_in")]
    pub(crate) stand_ins: Vec<StandIn>,
}

/// Mutants that no model notices, for one reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exception {
    /// What the table calls it.
    pub(crate) name: String,
    /// Below `src/protocol`.
    file: String,
    /// All mutants of these labels.
    #[serde(default)]
    labels: Vec<String>,
    /// Or all of these calls.
    #[serde(default)]
    calls: Vec<String>,
    /// Of these functions only.
    functions: Option<Vec<String>>,
    /// Changed to one of these only.
    instead: Option<Vec<String>>,
    /// Why nobody notices, and whether the ordering is needed.
    pub(crate) argument: String,
    /// What is done by hand in its place, and noticed.
    #[serde(default)]
    pub(crate) stand_ins: Vec<String>,
}

/// A change of the source that does what a weakened ordering lets a processor or a compiler do, where loom does not do it by itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StandIn {
    pub(crate) name: String,
    pub(crate) edits: Vec<Edit>,
}

/// One replacement; what is to be found stands there once.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    pub(crate) file: String,
    pub(crate) find: String,
    pub(crate) replace: String,
}

impl Exception {
    /// True if it speaks of this mutant.
    pub(crate) fn covers(&self, key: &Key) -> bool {
        let named =
            if key.label.is_empty() { self.calls.contains(&key.access) } else { self.labels.contains(&key.label) };
        named
            && self.file == key.file
            && self.functions.as_ref().is_none_or(|functions| functions.contains(&key.function))
            && self.instead.as_ref().is_none_or(|instead| instead.contains(&key.instead))
    }
}

impl Exceptions {
    /// Reads the file.
    pub(crate) fn read(root: &Path) -> Result<Exceptions> {
        let path = root.join("docs/orderings.toml");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }

    /// Makes sure that each speaks of something that there is, and no two of the same.
    pub(crate) fn check(&self, plan: &Plan) -> Result<()> {
        for exception in &self.all {
            let words = exception.labels.iter().map(|label| (label, true));
            for (word, is_label) in words.chain(exception.calls.iter().map(|call| (call, false))) {
                let named =
                    |key: &Key| if is_label { key.label == *word } else { key.label.is_empty() && key.access == *word };
                ensure!(
                    plan.mutants.iter().any(|mutant| exception.covers(&mutant.key()) && named(&mutant.key())),
                    "the exception `{}` names {word}, and there is no such mutant",
                    exception.name
                );
            }
            for name in &exception.stand_ins {
                ensure!(
                    self.stand_ins.iter().any(|stand_in| stand_in.name == *name),
                    "the exception `{}` names a stand-in that there is not: {name}",
                    exception.name
                );
            }
        }
        for mutant in &plan.mutants {
            let key = mutant.key();
            let count = self.all.iter().filter(|exception| exception.covers(&key)).count();
            ensure!(count <= 1, "{count} exceptions for {key}");
        }
        for stand_in in &self.stand_ins {
            let used = self.all.iter().any(|exception| exception.stand_ins.contains(&stand_in.name));
            ensure!(used, "no exception rests on the stand-in `{}`", stand_in.name);
        }
        Ok(())
    }

    /// The exception that speaks of a mutant.
    pub(crate) fn of(&self, key: &Key) -> Option<&Exception> {
        self.all.iter().find(|exception| exception.covers(key))
    }
}
