//! The `ORDER [label]` comments of a file, which its syntax tree knows nothing of.

use std::collections::BTreeMap;

/// Labels by the lines on which they count.
pub(crate) struct Labels {
    /// Behind the code of a line.
    beside: BTreeMap<usize, (String, String)>,
    /// In the comment that ends right above a line.
    above: BTreeMap<usize, (String, String)>,
}

impl Labels {
    /// Reads the comments of a file. Lines are counted from 1.
    pub(crate) fn read(text: &str) -> Labels {
        let mut labels = Labels { beside: BTreeMap::new(), above: BTreeMap::new() };
        let mut block: Vec<&str> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            match line.trim_start().strip_prefix("//") {
                Some(comment) => block.push(comment.trim()),
                None => {
                    if let Some(label) = order(&block) {
                        labels.above.insert(index + 1, label);
                    }
                    block.clear();
                    let trailing = line.split_once("// ").and_then(|(_, comment)| order(&[comment]));
                    if let Some(label) = trailing {
                        labels.beside.insert(index + 1, label);
                    }
                }
            }
        }
        labels.complete()
    }

    /// A label that is repeated without its reason has that of the first.
    fn complete(mut self) -> Labels {
        let reasons: Vec<(String, String)> =
            self.above.values().chain(self.beside.values()).filter(|(_, reason)| !reason.is_empty()).cloned().collect();
        for (label, reason) in self.above.values_mut().chain(self.beside.values_mut()) {
            if reason.is_empty() {
                let first = reasons.iter().find(|(named, _)| named == label);
                *reason = first.map(|(_, reason)| reason.clone()).unwrap_or_default();
            }
        }
        self
    }

    /// The label of an access on `line`, in the statement that begins on `statement`; and what its comment says.
    pub(crate) fn of(&self, line: usize, statement: Option<usize>) -> Option<&(String, String)> {
        let above = |line| self.above.get(&line);
        self.beside.get(&line).or_else(|| above(line)).or_else(|| above(statement?))
    }
}

/// The label of a comment, and what follows it up to the next thing that is said to the reader of the code.
fn order(comment: &[&str]) -> Option<(String, String)> {
    let first = comment.iter().position(|line| line.starts_with("ORDER ["))?;
    let text: Vec<&str> = comment[first..]
        .iter()
        .enumerate()
        .take_while(|(index, line)| *index == 0 || !(line.starts_with("ORDER [") || line.starts_with("SAFETY:")))
        .map(|(_, line)| *line)
        .collect();
    let text = text.join(" ");
    let (label, reason) = text.strip_prefix("ORDER [")?.split_once(']')?;
    Some((label.to_owned(), reason.trim_start_matches([':', '.', ' ']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(text: &str, line: usize, statement: usize) -> Option<&'static str> {
        Labels::read(text).of(line, Some(statement)).map(|(label, _)| &*label.clone().leak())
    }

    #[test]
    fn a_label_counts_for_the_statement_below_and_for_no_other() {
        let text = "// ORDER [a]: Release, because\n// of this.\nx.store(1,\n    Release);\ny.store(2, Release);\n";
        assert_eq!(label(text, 4, 3), Some("a"));
        assert_eq!(label(text, 5, 5), None);
    }

    #[test]
    fn a_label_behind_the_code_counts_for_its_line() {
        let text = "// ORDER [a]: Relaxed. It is a number.\nx.load(Relaxed);\ny.load(Relaxed); // ORDER [a]\n";
        assert_eq!(Labels::read(text).of(3, Some(3)), Some(&("a".to_owned(), "Relaxed. It is a number.".to_owned())));
    }

    #[test]
    fn a_reason_ends_where_the_safety_begins() {
        let text = "// ORDER [a]: Relaxed. It is a number.\n// SAFETY: it is.\nx.load(Relaxed);\n";
        assert_eq!(Labels::read(text).of(3, Some(3)), Some(&("a".to_owned(), "Relaxed. It is a number.".to_owned())));
    }
}
