//! The loom suite as a program: built once, and each model a process of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use wait_timeout::ChildExt;

/// One build of the suite.
pub(crate) struct Suite {
    program: PathBuf,
    /// Where what the models say is kept.
    logs: PathBuf,
    /// Their names, in the program's own order.
    pub(crate) models: Vec<String>,
}

/// How one run of a model ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Passed,
    /// It found something: the first line of what it said.
    Failed(String),
    /// It had not ended when its time was over.
    NoAnswer,
}

/// What a run is told.
#[derive(Clone, Copy, Default)]
pub(crate) struct Told<'a> {
    pub(crate) mutant: Option<usize>,
    /// Where to note the sites that were reached.
    pub(crate) sites: Option<&'a Path>,
    pub(crate) limit: Option<Duration>,
}

impl Suite {
    /// Builds the suite of a copy.
    pub(crate) fn build(copy: &Path, target: &Path) -> Result<Suite> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["test", "--no-run", "--lib", "--message-format=json-render-diagnostics", "-p", "rondel-loom-tests"])
            .current_dir(copy)
            .env("CARGO_TARGET_DIR", target)
            // The copy's code is generated; what the compiler has to say of its style is nobody's concern.
            .env("RUSTFLAGS", "-Awarnings")
            .stderr(Stdio::inherit())
            .output()
            .context("cargo cannot be run")?;
        ensure!(output.status.success(), "the loom suite does not build in {}", copy.display());
        let program = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|message| message["target"]["name"] == "rondel_loom_tests")
            .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
            .context("cargo names no program")?;
        let list = Command::new(&program).args(["--list", "--format", "terse"]).output()?;
        let models: Vec<String> = String::from_utf8(list.stdout)?
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .map(str::to_owned)
            .collect();
        ensure!(!models.is_empty(), "the suite has no models");
        let logs = copy.join("logs");
        std::fs::create_dir_all(&logs)?;
        Ok(Suite { program, logs, models })
    }

    /// Runs one model by itself.
    pub(crate) fn run(&self, model: &str, told: Told<'_>) -> Result<(End, Duration)> {
        let what = told.mutant.map_or("control".to_owned(), |mutant| mutant.to_string());
        let log = self.logs.join(format!("{what}-{}", model.replace("::", ".")));
        let said = File::create(&log)?;
        let mut command = Command::new(&self.program);
        command
            .args([model, "--exact", "--nocapture", "--test-threads=1"])
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said);
        // A bound of the caller's own would make another suite of it.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LOOM_")) {
            command.env_remove(name);
        }
        for (name, value) in [
            ("RONDEL_MUTANT", told.mutant.map(|mutant| mutant.to_string().into())),
            ("RONDEL_MUTANT_SITES", told.sites.map(Into::into)),
        ] {
            let value: Option<std::ffi::OsString> = value;
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let start = Instant::now();
        let mut child = command.spawn().with_context(|| self.program.display().to_string())?;
        let status = match told.limit {
            Some(limit) => child.wait_timeout(limit)?,
            None => Some(child.wait()?),
        };
        let took = start.elapsed();
        let Some(status) = status else {
            child.kill()?;
            child.wait()?;
            return Ok((End::NoAnswer, took));
        };
        let text = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
        if status.success() {
            // An exact name that is nobody's is a success of nothing.
            ensure!(text.contains("1 passed"), "there is no model {model}");
            return Ok((End::Passed, took));
        }
        let Some(complaint) = complaint(&text) else {
            bail!("{model} ended with {status} and said nothing of a failure: see {}", log.display());
        };
        Ok((End::Failed(complaint), took))
    }
}

/// The first thing that a panic said.
fn complaint(text: &str) -> Option<String> {
    let mut lines = text.lines().skip_while(|line| !line.contains("panicked at"));
    lines.next()?;
    let line = lines.find(|line| !line.trim().is_empty())?;
    Some(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::complaint;

    #[test]
    fn a_complaint_is_what_the_panic_says() {
        let text = "running 1 test\nthread 'x' panicked at a.rs:1:2:\n\n Causality violation: y\nnote: run with\n";
        assert_eq!(complaint(text).as_deref(), Some("Causality violation: y"));
        assert_eq!(complaint("running 1 test\ntest x ... ok\n"), None);
    }
}
