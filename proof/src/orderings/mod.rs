//! Which orderings, fences and wake-ups of the protocol matter, and which model notices when one is missing.
//!
//! The files of `src/protocol` are parsed, and every place found that orders memory, fences, or wakes. The loom suite is copied, the
//! protocol in it rewritten so that each of these places asks, when it is run, whether it is to be weakened: one build serves for all.
//! Then each change is made by itself, and the models run that come by the place, until one notices.
//!
//! What no model notices stands in `docs/orderings.toml` with its argument. All is written into a table in `docs/memory-ordering.md`,
//! which is also what the next run begins with: a model that has noticed once is asked first.

mod copy;
mod exceptions;
mod judge;
mod labels;
mod order;
mod plan;
mod source;
mod suite;
mod table;
mod tree;

/// Here only to be compiled and checked where its text is read; it runs in the copy.
#[allow(dead_code)]
mod mutants;

use std::collections::VecDeque;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use exceptions::Exceptions;
use judge::{Judge, Verdict};
use plan::{Key, Plan};
use suite::Suite;
use table::Findings;

/// What the command is told.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only what has this label, or this call (`heavy_fence`); may be given more than once
    #[arg(long, value_name = "LABEL")]
    only: Vec<String>,

    /// Names everything that would be changed, and ends
    #[arg(long)]
    list: bool,

    /// Models that run at a time [default: as many as there are processors]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,

    /// Writes what was found into the table of docs/memory-ordering.md
    #[arg(long)]
    write: bool,
}

/// Runs the command. It fails if something is noticed by no model and excepted by no argument, or the table says otherwise.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let root = root()?;
    let plan = Plan::read(&root)?;
    let exceptions = Exceptions::read(&root)?;
    exceptions.check(&plan)?;
    let chosen: Vec<usize> =
        (0..plan.mutants.len()).filter(|&mutant| is_chosen(&plan, mutant, &arguments.only)).collect();
    ensure!(!chosen.is_empty(), "nothing is called {}", arguments.only.join(" or "));
    if arguments.list {
        for &mutant in &chosen {
            println!("{}", plan.mutants[mutant].key());
        }
        println!("{} in {} places", chosen.len(), plan.sites().count());
        return Ok(ExitCode::SUCCESS);
    }

    let page = root.join("docs/memory-ordering.md");
    let committed = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let known = table::parse(table::generated(&committed)?);
    // What cannot be written is told before the time is spent.
    table::render(&plan, &exceptions, &known)?;
    let start = Instant::now();
    let run = Run { root: &root, plan: &plan, exceptions: &exceptions, known, jobs: jobs(arguments) };
    let (findings, faults) = run.all(&chosen, arguments.only.is_empty())?;
    println!("{} changes in {} s", chosen.len(), start.elapsed().as_secs());

    let rendered = table::render(&plan, &exceptions, &findings)?;
    let mut failed = false;
    if arguments.write {
        // Read again: it took a while, and somebody may have written in it.
        std::fs::write(&page, table::replaced(&std::fs::read_to_string(&page)?, &rendered)?)?;
    } else {
        for difference in table::differences(table::generated(&committed)?, &rendered) {
            failed = true;
            println!("docs/memory-ordering.md is not up to date: {difference}");
        }
    }
    for fault in &faults {
        failed = true;
        println!("{fault}");
    }
    if !failed {
        println!("each is noticed, or excepted with its argument in docs/orderings.toml");
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What the committed table does not agree in with the source, without running a model: each ordering, fence and wake-up has its
/// entry, and no entry is left of one that is gone; and each model that is named exists.
///
/// # Errors
///
/// If the source cannot be read, or has an ordering without a label.
pub fn stale() -> Result<Vec<String>> {
    let root = root()?;
    let plan = Plan::read(&root)?;
    let exceptions = Exceptions::read(&root)?;
    exceptions.check(&plan)?;
    let committed = std::fs::read_to_string(root.join("docs/memory-ordering.md"))?;
    let committed = table::generated(&committed)?;
    let known = table::parse(committed);
    let mut stale = table::differences(committed, &table::render(&plan, &exceptions, &known)?);
    let models = models(&root)?;
    for model in known.mutants.values().chain(known.stand_ins.values()).flatten() {
        if !models.contains(model) {
            stale.push(format!("there is no model {model}"));
        }
    }
    for (name, noticed) in known.mutants.iter().map(|(key, noticed)| (key.to_string(), noticed)) {
        let excepted = plan
            .mutants
            .iter()
            .any(|mutant| mutant.key().to_string() == name && exceptions.of(&mutant.key()).is_some());
        if noticed.is_some() == excepted {
            stale.push(format!("noticed by a model, or excepted, and not both or neither: {name}"));
        }
    }
    stale.extend(
        known
            .stand_ins
            .iter()
            .filter(|(_, noticed)| noticed.is_none())
            .map(|(name, _)| format!("nobody notices: {name}")),
    );
    Ok(stale)
}

/// The names of all models, by the loom suite's source.
fn models(root: &Path) -> Result<Vec<String>> {
    let directory = root.join("loom-tests/src/models");
    let mut models = Vec::new();
    for path in tree::files(&directory)? {
        let syntax = syn::parse_file(&std::fs::read_to_string(directory.join(&path))?).with_context(|| path.clone())?;
        let module = path.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
        for item in syntax.items {
            let syn::Item::Fn(function) = item else { continue };
            if function.attrs.iter().any(|attribute| attribute.path().is_ident("test")) {
                models.push(format!("{module}::{}", function.sig.ident));
            }
        }
    }
    Ok(models)
}

fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(Path::to_owned).context("the workspace's directory")
}

fn jobs(arguments: &Arguments) -> usize {
    arguments.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZero::get)
}

fn is_chosen(plan: &Plan, mutant: usize, only: &[String]) -> bool {
    let site = &plan.mutants[mutant].site;
    only.is_empty() || only.iter().any(|name| *name == site.label || (site.label.is_empty() && *name == site.access))
}

struct Run<'a> {
    root: &'a Path,
    plan: &'a Plan,
    exceptions: &'a Exceptions,
    /// What the committed table says.
    known: Findings,
    jobs: usize,
}

impl Run<'_> {
    /// Makes the changes that were chosen, and says what was found: what was not asked for is as the committed table has it.
    fn all(&self, chosen: &[usize], whole: bool) -> Result<(Findings, Vec<String>)> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from);
        let work = self.root.join(target).join("orderings");
        let built = work.join("target");
        let copy = work.join("mutants");
        copy::with_mutants(self.root, &copy, self.plan)?;
        let suite = Suite::build(&copy, &built)?;
        let judge = Judge::new(suite, work.join("sites"), copy::fingerprint(&copy)?, !whole)?;
        if whole {
            // All at first, so that each mutant is shown to the quickest model first.
            let models: Vec<usize> = (0..judge.models()).collect();
            self.parallel("control", &models, |&model| judge.control(model).map(|()| None::<(String, ())>))?;
        }

        let mut findings = self.known.clone();
        findings.mutants.retain(|key, _| self.plan.mutants.iter().any(|mutant| mutant.key() == *key));
        let faults = Mutex::new(Vec::new());
        // The longest first: what no model is expected to notice is shown to all.
        let mut order = chosen.to_vec();
        order.sort_by_key(|&mutant| self.exceptions.of(&self.plan.mutants[mutant].key()).is_none());
        let verdicts = self.parallel("changes", &order, |&mutant| {
            let key = self.plan.mutants[mutant].key();
            let first = self.known.mutants.get(&key).cloned().flatten();
            let verdict = judge.mutant(mutant, self.plan.mutants[mutant].site_number(), first.as_deref())?;
            let excepted = self.exceptions.of(&key).is_some();
            faults.lock().unwrap().extend(fault(&key.to_string(), &verdict, excepted));
            Ok(Some((format!("{key}: {}", say(&verdict)), verdict)))
        })?;
        for (mutant, verdict) in order.iter().zip(verdicts) {
            findings.mutants.insert(self.plan.mutants[*mutant].key(), name(verdict));
        }

        findings.stand_ins.retain(|name, _| self.exceptions.stand_ins.iter().any(|stand_in| stand_in.name == *name));
        for (number, stand_in) in self.exceptions.stand_ins.iter().enumerate() {
            let keys = chosen.iter().map(|&mutant| self.plan.mutants[mutant].key());
            let rests = |key: &Key| {
                self.exceptions.of(key).is_some_and(|exception| exception.stand_ins.contains(&stand_in.name))
            };
            if !keys.into_iter().any(|key| rests(&key)) {
                continue;
            }
            let copy = work.join(format!("stand-in-{number}"));
            copy::with_stand_in(self.root, &copy, self.plan, stand_in)?;
            let first = self.known.stand_ins.get(&stand_in.name).cloned().flatten();
            let suite = Suite::build(&copy, &built)?;
            let verdict = Judge::broken(suite, &judge, work.join("sites"), first.as_deref())?;
            println!("{}: {}", stand_in.name, say(&verdict));
            faults.lock().unwrap().extend(fault(&stand_in.name, &verdict, false));
            findings.stand_ins.insert(stand_in.name.clone(), name(Some(verdict)));
        }
        Ok((findings, faults.into_inner().unwrap()))
    }

    /// Does `work` for each of `items`, some at a time; ends at the first error. What it says is printed as it comes.
    fn parallel<T: Sync, R: Send>(
        &self,
        title: &'static str,
        items: &[T],
        work: impl Fn(&T) -> Result<Option<(String, R)>> + Sync,
    ) -> Result<Vec<Option<R>>> {
        let bar = ProgressBar::new(items.len() as u64);
        bar.set_style(ProgressStyle::with_template("{prefix} {bar:40} {pos}/{len} {elapsed}, {eta} left")?);
        bar.set_prefix(title);
        let queue: Mutex<VecDeque<usize>> = Mutex::new((0..items.len()).collect());
        let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(|| {
                    while failure.lock().unwrap().is_none() {
                        let Some(index) = queue.lock().unwrap().pop_front() else { return };
                        match work(&items[index]) {
                            Ok(Some((said, result))) => {
                                // Not the bar's own printing, which is silent where there is no terminal.
                                bar.suspend(|| println!("{said}"));
                                *results[index].lock().unwrap() = Some(result);
                            }
                            Ok(None) => {}
                            Err(error) => *failure.lock().unwrap() = Some(error),
                        }
                        bar.inc(1);
                    }
                });
            }
        });
        bar.finish_and_clear();
        match failure.into_inner().unwrap() {
            Some(error) => Err(error),
            None => Ok(results.into_iter().map(|result| result.into_inner().unwrap()).collect()),
        }
    }
}

fn name(verdict: Option<Verdict>) -> Option<String> {
    match verdict? {
        Verdict::Noticed { model, .. } => Some(model),
        Verdict::Unnoticed { .. } => None,
    }
}

fn say(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Noticed { model, complaint } => format!("noticed by {model}: {complaint}"),
        Verdict::Unnoticed { asked: 0, .. } => "no model comes by there".to_owned(),
        Verdict::Unnoticed { asked, unanswered } if unanswered.is_empty() => {
            format!("noticed by none of {asked} models")
        }
        Verdict::Unnoticed { asked, unanswered } => {
            format!("noticed by none of {asked} models, of which did not end in time: {}", unanswered.join(", "))
        }
    }
}

/// What is wrong, if something is.
fn fault(what: &str, verdict: &Verdict, excepted: bool) -> Option<String> {
    match verdict {
        Verdict::Noticed { model, .. } if excepted => Some(format!("excepted without need, {model} notices: {what}")),
        Verdict::Unnoticed { .. } if !excepted => Some(format!("NOBODY notices: {what}: {}", say(verdict))),
        _ => None,
    }
}
