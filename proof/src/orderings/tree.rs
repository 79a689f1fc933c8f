//! Trees of files: listed in one order, and copied.

use std::path::Path;

use anyhow::{Context, Result};

/// All `.rs` files below a directory, as paths relative to it, sorted.
pub(crate) fn files(directory: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    descend(directory, "", &mut found)?;
    found.sort();
    Ok(found)
}

fn descend(directory: &Path, prefix: &str, found: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            descend(&entry.path(), &format!("{path}/"), found)?;
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Writes a file and what leads to it; one that says the same already is left alone, so that nothing is built again for it.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let directory = path.parent().context("a file's path")?;
    std::fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
