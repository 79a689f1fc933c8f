//! A copy of the loom suite and of the protocol, in which each site can be weakened when it runs.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::exceptions::StandIn;
use super::plan::Plan;
use super::source::{File, Kind, Mutation};
use super::tree;

/// What the copy's protocol files ask.
const FACADE: &str = include_str!("mutants.rs");
const ASK: &str = "crate::sync::mutants";

/// Writes the copy with all mutants, of which none is on until the environment says so.
pub(crate) fn with_mutants(root: &Path, copy: &Path, plan: &Plan) -> Result<()> {
    workspace(root, copy)?;
    tree::write(&copy.join("loom-tests/src/sync/mutants.rs"), FACADE)?;
    let sync = copy.join("loom-tests/src/sync.rs");
    let text = std::fs::read_to_string(&sync)?;
    tree::write(&sync, &format!("{text}\npub(crate) mod mutants;\n"))?;
    let mut site = 0;
    for file in &plan.files {
        tree::write(&copy.join("src/protocol").join(&file.path), &instrumented(file, site, plan))?;
        site += file.sites.len();
    }
    Ok(())
}

/// Writes a copy in which the protocol's steps are put in the order that a stand-in says, and nothing else is changed.
pub(crate) fn with_stand_in(root: &Path, copy: &Path, plan: &Plan, stand_in: &StandIn) -> Result<()> {
    workspace(root, copy)?;
    for file in &plan.files {
        let mut text = file.text.clone();
        for edit in stand_in.edits.iter().filter(|edit| edit.file == file.path) {
            let found = text.matches(&edit.find).count();
            ensure!(
                found == 1,
                "{}: found {found} times in {}, where it is to be once: {}",
                stand_in.name,
                file.path,
                edit.find
            );
            text = text.replace(&edit.find, &edit.replace);
        }
        tree::write(&copy.join("src/protocol").join(&file.path), &text)?;
    }
    let unknown = stand_in.edits.iter().find(|edit| plan.files.iter().all(|file| file.path != edit.file));
    ensure!(unknown.is_none(), "{}: there is no file {}", stand_in.name, unknown.map_or("", |edit| &edit.file));
    Ok(())
}

/// What tells one copy from another: a hash of all of its files.
pub(crate) fn fingerprint(copy: &Path) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for directory in ["loom-tests/src", "src/protocol"] {
        for file in tree::files(&copy.join(directory))? {
            std::fs::read_to_string(copy.join(directory).join(&file))?.hash(&mut hasher);
            file.hash(&mut hasher);
        }
    }
    for file in ["Cargo.toml", "Cargo.lock"] {
        std::fs::read_to_string(copy.join(file))?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// A workspace of its own around the loom suite, with the profiles of the real one.
fn workspace(root: &Path, copy: &Path) -> Result<()> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).context("the workspace's manifest")?;
    let mut manifest: toml::Table = manifest.parse()?;
    manifest.retain(|section, _| section == "workspace" || section == "profile");
    let workspace = manifest.get_mut("workspace").and_then(toml::Value::as_table_mut).context("a workspace")?;
    workspace.insert("members".to_owned(), vec!["loom-tests"].into());
    workspace.remove("exclude");
    tree::write(&copy.join("Cargo.toml"), &toml::to_string(&manifest)?)?;
    // The versions that the real suite has. Cargo drops from it what is not needed here.
    if !copy.join("Cargo.lock").exists() {
        tree::write(&copy.join("Cargo.lock"), &std::fs::read_to_string(root.join("Cargo.lock"))?)?;
    }
    let suite = root.join("loom-tests");
    tree::write(&copy.join("loom-tests/Cargo.toml"), &std::fs::read_to_string(suite.join("Cargo.toml"))?)?;
    let files = tree::files(&suite.join("src"))?;
    for stale in stale(&copy.join("loom-tests/src"), &files)? {
        std::fs::remove_file(stale)?;
    }
    for file in files {
        let text = std::fs::read_to_string(suite.join("src").join(&file))?;
        tree::write(&copy.join("loom-tests/src").join(file), &text)?;
    }
    Ok(())
}

/// What an earlier copy has left and this one does not have.
fn stale(copied: &Path, files: &[String]) -> Result<Vec<PathBuf>> {
    if !copied.exists() {
        return Ok(Vec::new());
    }
    Ok(tree::files(copied)?.into_iter().filter(|old| !files.contains(old)).map(|old| copied.join(old)).collect())
}

/// A file with each site asking whether it is to be weakened. `first` is the number of its first site.
fn instrumented(file: &File, first: usize, plan: &Plan) -> String {
    // Insertions only, so that a site may stand inside of another. At the same place what opens first is the outer one.
    let mut insertions: Vec<(usize, usize, String)> = Vec::new();
    for (index, site) in file.sites.iter().enumerate() {
        let number = first + index;
        let mutants: Vec<(usize, Mutation)> = plan.mutants_of(number).collect();
        let (before, after) = match site.kind {
            Kind::Ordering(..) => {
                let weaker: Vec<String> =
                    mutants.iter().map(|(mutant, to)| format!("({mutant}, Ordering::{to})")).collect();
                (format!("{ASK}::ordering({number}, "), format!(", &[{}])", weaker.join(", ")))
            }
            Kind::Call | Kind::Asking => {
                let answers: String = mutants
                    .iter()
                    .map(|(mutant, mutation)| {
                        let answer = match mutation {
                            Mutation::Answer(answer) => answer.to_string(),
                            Mutation::LeaveOut | Mutation::Weaken(_) => String::new(),
                        };
                        format!("if {ASK}::left_out({number}, {mutant}) {{ {answer} }} else ")
                    })
                    .collect();
                // Where nobody uses the answer there is none.
                let discard = if site.kind == Kind::Call { ";" } else { "" };
                (format!("({answers}{{ "), format!("{discard} }})"))
            }
        };
        let length = site.span.len();
        insertions.push((site.span.start, usize::MAX - length, before));
        insertions.push((site.span.end, length, after));
    }
    insertions.sort();
    let mut text = String::with_capacity(file.text.len() * 2);
    let mut done = 0;
    for (at, _, insertion) in insertions {
        text.push_str(&file.text[done..at]);
        text.push_str(&insertion);
        done = at;
    }
    text.push_str(&file.text[done..]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orderings::source;

    fn rewritten(text: &str) -> String {
        let file = source::parse("a.rs".to_owned(), text.to_owned()).unwrap();
        let plan = Plan::of(vec![file]).unwrap();
        let text = instrumented(&plan.files[0], 0, &plan);
        assert!(syn::parse_file(&text).is_ok(), "{text}");
        text
    }

    #[test]
    fn an_ordering_asks_which_it_is() {
        let text = rewritten("fn f(x: &A) {\n // ORDER [a]: because.\n x.swap(1, Ordering::AcqRel);\n}");
        let asks = "x.swap(1, crate::sync::mutants::ordering(0, Ordering::AcqRel, \
                    &[(0, Ordering::Acquire), (1, Ordering::Release), (2, Ordering::Relaxed)]));";
        assert!(text.contains(asks), "{text}");
    }

    #[test]
    fn a_call_asks_whether_it_is_made() {
        let text = rewritten("fn f(k: &K) {\n k.futex_wake(w);\n}");
        assert!(text.contains("(if crate::sync::mutants::left_out(0, 0) {  } else { k.futex_wake(w); });"), "{text}");
        let text = rewritten("fn f(k: &K) -> bool {\n !k.futex_wake(w)\n}");
        let asks = "!(if crate::sync::mutants::left_out(0, 0) { false } else if crate::sync::mutants::left_out(0, 1) { true } else { k.futex_wake(w) })";
        assert!(text.contains(asks), "{text}");
    }

    #[test]
    fn a_place_within_a_place_is_rewritten_too() {
        let text = rewritten("fn f() {\n // ORDER [a]: because.\n fence(Ordering::AcqRel);\n}");
        assert!(text.contains("else { fence(crate::sync::mutants::ordering(0, Ordering::AcqRel, "), "{text}");
    }
}
