//! The generated part of `docs/memory-ordering.md`: written, and read again.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};

use super::exceptions::Exceptions;
use super::order::Order;
use super::plan::{Key, Plan};
use super::source::Kind;

const BEGIN: &str = "<!-- from here on written by `cargo run --release -p rondel-proof -- orderings --write` -->";
const END: &str = "<!-- up to here -->";
const BY_HAND: &str = "done by hand";

/// Who noticed what: the model's name, without that of the suite's module; or nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    pub(crate) mutants: BTreeMap<Key, Option<String>>,
    pub(crate) stand_ins: BTreeMap<String, Option<String>>,
}

/// The generated part of a page, without the lines that mark it.
pub(crate) fn generated(page: &str) -> Result<&str> {
    let (_, rest) = page.split_once(BEGIN).context("the page has no place for the table: its first line is missing")?;
    let (table, _) = rest.split_once(END).context("the page has no place for the table: its last line is missing")?;
    Ok(table)
}

/// The page with another table.
pub(crate) fn replaced(page: &str, table: &str) -> Result<String> {
    let old = generated(page)?;
    Ok(page.replacen(&format!("{BEGIN}{old}{END}"), &format!("{BEGIN}{table}{END}"), 1))
}

/// Writes the table. What `findings` does not know of stands there with nothing in its last place.
pub(crate) fn render(plan: &Plan, exceptions: &Exceptions, findings: &Findings) -> Result<String> {
    let mut text = String::new();
    for file in plan.files.iter().filter(|file| !file.sites.is_empty()) {
        writeln!(text, "\n### `src/protocol/{}`\n", file.path)?;
        let keys: Vec<Key> =
            plan.mutants.iter().map(|mutant| mutant.key()).filter(|key| key.file == file.path).collect();
        if !keys.is_empty() {
            writeln!(text, "| label | access | in | is | instead | noticed by |\n|---|---|---|---|---|---|")?;
        }
        for key in &keys {
            let Key { function, access, original, instead, .. } = key;
            let noticed = match (findings.mutants.get(key), exceptions.of(key)) {
                (Some(Some(model)), _) => format!("`{model}`"),
                (_, Some(exception)) => format!("none: *{}*", exception.name),
                _ => "nobody".to_owned(),
            };
            writeln!(
                text,
                "| {} | `{access}` | `{function}` | {original} | {instead} | {noticed} |",
                label(&key.label)
            )?;
        }
        relaxed(plan, &file.path, &mut text)?;
    }
    writeln!(text, "\n### Noticed by no model\n")?;
    for exception in &exceptions.all {
        write!(text, "- *{}*: {}", exception.name, exception.argument.trim())?;
        if !exception.stand_ins.is_empty() {
            write!(text, " What it stands against is noticed when it is {BY_HAND}, see below.")?;
        }
        writeln!(text)?;
    }
    if !exceptions.stand_ins.is_empty() {
        writeln!(text, "\n| {BY_HAND} | noticed by |\n|---|---|")?;
        for stand_in in &exceptions.stand_ins {
            let noticed = match findings.stand_ins.get(&stand_in.name) {
                Some(Some(model)) => format!("`{model}`"),
                _ => "nobody".to_owned(),
            };
            writeln!(text, "| {} | {noticed} |", stand_in.name)?;
        }
    }
    writeln!(text)?;
    Ok(text)
}

/// The accesses of a file that nothing could weaken, each with what its comment says.
fn relaxed(plan: &Plan, file: &str, text: &mut String) -> Result<()> {
    let mut begun = false;
    let relaxed =
        plan.sites().filter(|site| site.file == file && matches!(site.kind, Kind::Ordering(Order::Relaxed, _)));
    for site in relaxed {
        if !std::mem::replace(&mut begun, true) {
            writeln!(text, "\n| label | access | in | why Relaxed is enough |\n|---|---|---|---|")?;
        }
        let reason = reason(&site.reason, site.access.contains("failing")).with_context(|| {
            format!("{file} [{}]: its comment does not say why Relaxed is enough for {}", site.label, site.access)
        })?;
        writeln!(text, "| {} | `{}` | `{}` | {reason} |", label(&site.label), site.access, site.function)?;
    }
    Ok(())
}

fn label(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!("`[{label}]`") }
}

/// What a comment says of Relaxed.
fn reason(comment: &str, failing: bool) -> Option<String> {
    let said = if failing {
        comment.split_once("Relaxed on failure:")?.1
    } else {
        comment.strip_prefix("Relaxed")?.split("Relaxed on failure:").next()?
    };
    let said = said.trim_start_matches([';', '.', ':', ',', ' ']).trim().replace('|', "\\|");
    (!said.is_empty()).then_some(said)
}

/// Reads a table.
pub(crate) fn parse(table: &str) -> Findings {
    let mut findings = Findings::default();
    let mut file = String::new();
    for line in table.lines() {
        if let Some(path) = line.strip_prefix("### `src/protocol/") {
            file = path.trim_end_matches('`').to_owned();
        }
        let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) else { continue };
        let cells: Vec<&str> = row.split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
        let model = |cell: &str| (row.ends_with('`')).then(|| cell.to_owned());
        match cells[..] {
            [label, access, function, original, instead, noticed] if label != "label" => {
                let label = label.trim_start_matches('[').trim_end_matches(']').to_owned();
                let (access, function) = (access.to_owned(), function.to_owned());
                let (original, instead) = (original.to_owned(), instead.to_owned());
                findings
                    .mutants
                    .insert(Key { file: file.clone(), function, label, access, original, instead }, model(noticed));
            }
            [name, noticed] if name != BY_HAND => {
                findings.stand_ins.insert(name.to_owned(), model(noticed));
            }
            _ => {}
        }
    }
    findings
}

/// What the two tables do not agree in, line by line.
pub(crate) fn differences(committed: &str, rendered: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (committed.lines().collect(), rendered.lines().collect());
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}"));
    let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}"));
    let lines: Vec<String> = gone.chain(come).collect();
    match (lines.is_empty(), committed == rendered) {
        (true, false) => vec!["the same lines in another order".to_owned()],
        _ => lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orderings::source;

    fn plan() -> Plan {
        let text = "fn f(x: &A, k: &K) {\n // ORDER [a]: Release, because.\n x.store(1, Ordering::Release);\n \
                    x.load(Ordering::Relaxed); // ORDER [b]: Relaxed. It is a number.\n k.light_fence();\n}";
        Plan::of(vec![source::parse("a.rs".to_owned(), text.to_owned()).unwrap()]).unwrap()
    }

    fn exceptions() -> Exceptions {
        let text = "[[exception]]\nname = \"fences\"\nfile = \"a.rs\"\ncalls = [\"light_fence\"]\nargument = \"So.\"\nstand_ins = [\"s\"]\n\
                    [[stand_in]]\nname = \"s\"\nedits = []";
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (plan, exceptions) = (plan(), exceptions());
        exceptions.check(&plan).unwrap();
        let mut findings = Findings::default();
        findings.mutants.insert(plan.mutants[0].key(), Some("m::n".to_owned()));
        findings.mutants.insert(plan.mutants[1].key(), None);
        findings.stand_ins.insert("s".to_owned(), Some("m::o".to_owned()));
        let table = render(&plan, &exceptions, &findings).unwrap();
        assert_eq!(parse(&table), findings, "{table}");
        assert!(table.contains("| `[b]` | `x.load` | `f` | It is a number. |"), "{table}");
        assert!(differences(&table, &render(&plan, &exceptions, &parse(&table)).unwrap()).is_empty());
    }

    #[test]
    fn what_nobody_has_noticed_is_told() {
        let table = render(&plan(), &exceptions(), &Findings::default()).unwrap();
        assert!(table.contains("| nobody |\n"), "{table}");
    }

    #[test]
    fn an_exception_that_names_nothing_is_refused() {
        let mut exceptions = exceptions();
        exceptions.all[0].stand_ins.push("t".to_owned());
        assert!(exceptions.check(&plan()).is_err());
        let other: Exceptions =
            toml::from_str("[[exception]]\nname = \"x\"\nfile = \"b.rs\"\nlabels = [\"a\"]\nargument = \"So.\"")
                .unwrap();
        assert!(other.check(&plan()).is_err());
    }

    #[test]
    fn a_table_is_put_in_the_place_of_the_other() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter");
        let page = replaced(&page, "\nnew\n").unwrap();
        assert_eq!(generated(&page).unwrap(), "\nnew\n");
        assert!(page.starts_with("before\n") && page.ends_with("\nafter"));
    }
}
