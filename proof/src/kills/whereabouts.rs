//! Where in the source an instruction is.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::sync::LazyLock;

use addr2line::Loader;

use super::walk::Walk;

/// Where the victims were left, a line each.
pub(super) fn of_all(walks: &[Walk<'_>]) -> String {
    let line = |walk: &Walk<'_>| {
        let steps = walk.steps();
        let place = match walk.address() {
            _ if walk.is_over() => "its operation was over".to_owned(),
            Some(address) => format!("at {}", of(address)),
            None => "where that is cannot be told on this machine".to_owned(),
        };
        format!("a victim was left behind {steps} instructions, {place}\n")
    };
    walks.iter().map(line).collect()
}

/// The source line of an instruction of this program, or the function, or the file in which it lies; for people.
fn of(address: u64) -> String {
    let Some((path, base)) = mapping(address) else { return format!("{address:#x}") };
    let offset = address - base;
    LOADERS.with_borrow_mut(|loaders| {
        // A fault has thousands of cases, and a program's lines take a while to be read.
        let loader = loaders.entry(path.clone()).or_insert_with(|| Loader::new(&path).ok());
        let line = || {
            let location = loader.as_ref()?.find_location(offset).ok()??;
            Some(format!("{}:{}", location.file?, location.line?))
        };
        let function = || Some(format!("{} in {path}", loader.as_ref()?.find_symbol(offset)?));
        line().or_else(function).unwrap_or_else(|| format!("{path}+{offset:#x}"))
    })
}

thread_local! {
    /// What was read of the files in which instructions lie.
    static LOADERS: RefCell<HashMap<String, Option<Loader>>> = RefCell::default();
}

/// Whether an instruction is one of the kernel's code for reading the clock, vdso(7), which takes one way or another as time goes by.
pub(super) fn is_of_clock(address: u64) -> bool {
    static VDSO: LazyLock<Range<u64>> = LazyLock::new(|| {
        let found = mappings().into_iter().find(|(.., path)| path == "[vdso]");
        found.map_or(0..0, |(range, _)| range)
    });
    VDSO.contains(&address)
}

/// The file that is mapped there, and where its beginning is.
fn mapping(address: u64) -> Option<(String, u64)> {
    let all = mappings();
    let (_, path) = all.iter().find(|(range, _)| range.contains(&address))?;
    let base = all.iter().find(|(_, other)| other == path)?.0.start;
    (!path.is_empty()).then(|| (path.clone(), base))
}

/// What this process has mapped, and where, as proc_pid_maps(5) has it.
fn mappings() -> Vec<(Range<u64>, String)> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let parse = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (begin, end) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        Some((number(begin)?..number(end)?, rest.split_whitespace().nth(4).unwrap_or_default().to_owned()))
    };
    maps.lines().filter_map(parse).collect()
}
