//! Runs models until one notices a mutant, or none is left.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::suite::{End, Suite, Told};

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// This model noticed, and said so.
    Noticed { model: String, complaint: String },
    /// No model did, of those that reach the site; some may not have ended in time.
    Unnoticed { asked: usize, unanswered: Vec<String> },
}

/// What the control run of one model says.
#[derive(Clone, Deserialize, Serialize)]
struct Control {
    /// Of which suite.
    fingerprint: u64,
    took: Duration,
    /// The sites that it reaches.
    sites: BTreeSet<usize>,
}

/// The suite, and what is known of its models.
pub(crate) struct Judge {
    suite: Suite,
    directory: PathBuf,
    controls: Vec<OnceLock<Control>>,
    /// That of the copy, if control runs of an earlier run of the command are good enough. Models have no chance in them: what passed passes.
    remembers: Option<u64>,
    fingerprint: u64,
}

impl Judge {
    /// A judge who keeps notes in `directory`, of a suite with that fingerprint.
    pub(crate) fn new(suite: Suite, directory: PathBuf, fingerprint: u64, remembers: bool) -> Result<Judge> {
        std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        let controls = suite.models.iter().map(|_| OnceLock::new()).collect();
        Ok(Judge { suite, directory, controls, remembers: remembers.then_some(fingerprint), fingerprint })
    }

    /// How many models there are.
    pub(crate) fn models(&self) -> usize {
        self.suite.models.len()
    }

    /// Runs a model with no mutant on, which must be green: only then does it say something that it fails with one.
    pub(crate) fn control(&self, model: usize) -> Result<()> {
        self.known(model).map(drop)
    }

    fn known(&self, model: usize) -> Result<&Control> {
        if let Some(control) = self.controls[model].get() {
            return Ok(control);
        }
        let name = &self.suite.models[model];
        let notes = self.directory.join(format!("{}.json", name.replace("::", ".")));
        if let Some(control) = self.remembers.and_then(|fingerprint| remembered(&notes, fingerprint)) {
            return Ok(self.controls[model].get_or_init(|| control));
        }
        let sites = self.directory.join(format!("{model}-{:?}", std::thread::current().id()));
        // What a run that was broken off has left.
        if sites.exists() {
            std::fs::remove_file(&sites)?;
        }
        let (end, took) = self.suite.run(name, Told { sites: Some(&sites), ..Told::default() })?;
        if end != End::Passed {
            bail!("the model {name} fails with no mutant on: {end:?}");
        }
        let noted = match std::fs::read_to_string(&sites) {
            Ok(noted) => noted,
            // It reaches none.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| sites.display().to_string()),
        };
        let reached =
            noted.lines().map(str::parse).collect::<Result<_, _>>().context("the sites that a model reached")?;
        let control = Control { fingerprint: self.fingerprint, took, sites: reached };
        std::fs::write(&notes, serde_json::to_string(&control)?)?;
        // Another run of the model reaches what it reaches, and not what this one did.
        if !noted.is_empty() {
            std::fs::remove_file(&sites)?;
        }
        Ok(self.controls[model].get_or_init(|| control))
    }

    /// Runs the models that reach `site` with the mutant on, `first` first, then the quickest, until one notices.
    pub(crate) fn mutant(&self, mutant: usize, site: usize, first: Option<&str>) -> Result<Verdict> {
        self.judge(Some(mutant), Some(site), first)
    }

    /// Runs models of a suite that is broken by itself. `times` is a judge of the sound one.
    pub(crate) fn broken(suite: Suite, times: &Judge, directory: PathBuf, first: Option<&str>) -> Result<Verdict> {
        let broken = Judge::new(suite, directory, 0, false)?;
        if broken.suite.models != times.suite.models {
            bail!("a stand-in changes the models");
        }
        for (model, control) in broken.controls.iter().enumerate() {
            // Only those that are asked for must be known.
            if let Some(known) = times.controls[model].get() {
                let _ = control.set(known.clone());
            }
        }
        if let Some(first) = broken.index(first) {
            let _ = broken.controls[first].set(times.known(first)?.clone());
            if let Some(noticed @ Verdict::Noticed { .. }) = broken.ask(first, None)? {
                return Ok(noticed);
            }
        }
        for (model, control) in broken.controls.iter().enumerate() {
            let _ = control.set(times.known(model)?.clone());
        }
        broken.judge(None, None, first)
    }

    fn index(&self, name: Option<&str>) -> Option<usize> {
        let name = name?;
        self.suite.models.iter().position(|model| short(model) == name)
    }

    fn judge(&self, mutant: Option<usize>, site: Option<usize>, first: Option<&str>) -> Result<Verdict> {
        let reaches = |control: &Control| site.is_none_or(|site| control.sites.contains(&site));
        let mut asked = BTreeSet::new();
        let mut unanswered = Vec::new();
        if let Some(first) = self.index(first) {
            if reaches(self.known(first)?) {
                asked.insert(first);
                match self.ask(first, mutant)? {
                    Some(Verdict::Unnoticed { unanswered: more, .. }) => unanswered.extend(more),
                    Some(noticed) => return Ok(noticed),
                    None => {}
                }
            }
        }
        let mut rest = Vec::new();
        for model in (0..self.models()).filter(|model| !asked.contains(model)) {
            let control = self.known(model)?;
            if reaches(control) {
                rest.push((control.took, model));
            }
        }
        rest.sort();
        for &(_, model) in &rest {
            match self.ask(model, mutant)? {
                Some(Verdict::Unnoticed { unanswered: more, .. }) => unanswered.extend(more),
                Some(noticed) => return Ok(noticed),
                None => {}
            }
        }
        Ok(Verdict::Unnoticed { asked: asked.len() + rest.len(), unanswered })
    }

    /// `None` if the model passes.
    fn ask(&self, model: usize, mutant: Option<usize>) -> Result<Option<Verdict>> {
        let name = &self.suite.models[model];
        // A weaker ordering has more executions. One that runs out of time has noticed nothing: it is no verdict.
        let limit = self.known(model)?.took * 20 + Duration::from_secs(30);
        let (end, _) = self.suite.run(name, Told { mutant, limit: Some(limit), ..Told::default() })?;
        let model = short(name).to_owned();
        Ok(match end {
            End::Passed => None,
            End::Failed(complaint) => Some(Verdict::Noticed { model, complaint }),
            End::NoAnswer => Some(Verdict::Unnoticed { asked: 1, unanswered: vec![model] }),
        })
    }
}

/// The control run that was noted, if it was one of the same suite.
fn remembered(notes: &Path, fingerprint: u64) -> Option<Control> {
    let control: Control = serde_json::from_str(&std::fs::read_to_string(notes).ok()?).ok()?;
    (control.fingerprint == fingerprint).then_some(control)
}

/// A model's name as the table has it.
fn short(model: &str) -> &str {
    model.strip_prefix("models::").unwrap_or(model)
}
