//! `rondel list` and `rondel unlink`: the named segments of this user, seen and cleared away.

use std::io::{self, Write};

use anyhow::{Context, bail};
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use rondel::segment::{RingKind, RoleInfo, RoleState, SegmentDetail, SegmentInfo, list as segments};

/// Lists the named segments of this user in /dev/shm, and who is attached to them.
#[derive(Args)]
pub(crate) struct List {}

/// Removes the names of segments. Processes that are attached keep theirs.
#[derive(Args)]
pub(crate) struct Unlink {
    /// Names, as `rondel list` shows them.
    #[arg(required_unless_present = "unused", conflicts_with = "unused")]
    names: Vec<String>,
    /// Every segment of this user that nobody is attached to, broken ones included.
    #[arg(long)]
    unused: bool,
    /// Also segments that somebody is attached to. Who waits there for a peer waits on, for nobody can come any more.
    #[arg(long, conflicts_with = "unused")]
    in_use: bool,
}

pub(crate) fn list(_: &List) -> anyhow::Result<()> {
    let segments = segments()?;
    let mut out = io::stdout().lock();
    if segments.is_empty() {
        writeln!(out, "no named segments")?;
        return Ok(());
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["name", "ring", "element", "capacity", "schema", "bytes", "mode", "attached"]);
    for segment in &segments {
        let (bytes, mode) = (segment.bytes.to_string(), format!("{:o}", segment.mode));
        match &segment.detail {
            Ok(detail) => table.add_row([
                segment.name.clone(),
                detail.kind.to_string(),
                element(detail),
                capacity(detail),
                if detail.schema == 0 { "none".into() } else { format!("{:#x}", detail.schema) },
                bytes,
                mode,
                attached(detail),
            ]),
            Err(error) => table.add_row([
                segment.name.clone(),
                format!("broken: {error}"),
                String::new(),
                String::new(),
                String::new(),
                bytes,
                mode,
                String::new(),
            ]),
        };
    }
    writeln!(out, "{table}")?;
    Ok(())
}

/// An element, or the messages that are there instead.
fn element(detail: &SegmentDetail) -> String {
    match detail.kind {
        RingKind::Bytes => format!("up to {} B", detail.element_size),
        _ => format!("{} B, aligned to {}", detail.element_size, detail.element_align),
    }
}

/// A number of elements, or of bytes of records.
fn capacity(detail: &SegmentDetail) -> String {
    match detail.kind {
        RingKind::Bytes => format!("{} B", detail.capacity),
        _ => detail.capacity.to_string(),
    }
}

fn attached(detail: &SegmentDetail) -> String {
    match detail.kind {
        RingKind::Mpmc => participants(detail),
        _ => detail.roles.iter().map(role).collect::<Vec<_>>().join("\n"),
    }
}

/// So many processes of each side are named: a table may have thousands of lines.
const PROCESSES_NAMED: usize = 8;

/// Who is in a table of participants: how many on each side, and which processes they are.
fn participants(detail: &SegmentDetail) -> String {
    let mut counts = Vec::new();
    let mut processes = Vec::new();
    // A participant is of no side for the instant until it has recorded one.
    for side in ["producer", "consumer", "participant"] {
        let is_of_side = |role: &&RoleInfo| role.name.split(' ').next() == Some(side);
        let given_back =
            |role: &&RoleInfo| !role.alive && matches!(role.state, RoleState::Closed | RoleState::NeverAttached);
        let there: Vec<_> = detail.roles.iter().filter(is_of_side).filter(|role| !given_back(role)).collect();
        if there.is_empty() {
            continue;
        }
        let plural = if there.len() == 1 { "" } else { "s" };
        let dead = match there.iter().filter(|role| !role.alive).count() {
            0 => String::new(),
            dead => format!(" ({dead} dead)"),
        };
        counts.push(format!("{} {side}{plural}{dead}", there.len()));
        if let Some(named) = processes_of(&there) {
            processes.push(format!("{side}s: {named}"));
        }
    }
    if counts.is_empty() {
        counts.push("nobody".to_owned());
    }
    let counts = format!("{}, room for {}", counts.join(", "), detail.role_count);
    [vec![counts], processes].concat().join("\n")
}

/// The processes of some participants, each once; `None` if none has recorded itself.
fn processes_of(participants: &[&RoleInfo]) -> Option<String> {
    let mut processes: Vec<(u32, bool, usize)> = Vec::new();
    for participant in participants {
        let Some(pid) = participant.pid else { continue };
        match processes.iter_mut().find(|(other, alive, _)| (*other, *alive) == (pid, participant.alive)) {
            Some((_, _, handles)) => *handles += 1,
            None => processes.push((pid, participant.alive, 1)),
        }
    }
    let mut named: Vec<_> = processes
        .iter()
        .take(PROCESSES_NAMED)
        .map(|(pid, alive, handles)| {
            let times = if *handles == 1 { String::new() } else { format!(" ×{handles}") };
            format!("{pid}{times}{}", if *alive { "" } else { " dead" })
        })
        .collect();
    match processes.len().saturating_sub(PROCESSES_NAMED) {
        0 => {}
        more => named.push(format!("and {more} more")),
    }
    (!named.is_empty()).then(|| named.join(", "))
}

fn role(role: &RoleInfo) -> String {
    let RoleInfo { name, state, pid, alive, .. } = role;
    match (alive, state, pid) {
        (true, _, Some(pid)) => format!("{name}: {pid}"),
        (true, _, None) => format!("{name}: yes"),
        (false, RoleState::NeverAttached, _) => format!("{name}: never"),
        (false, RoleState::Closed, _) => format!("{name}: closed"),
        (false, RoleState::Attached, Some(pid)) => format!("{name}: ended without closing (was {pid})"),
        (false, _, _) => format!("{name}: ended without closing"),
    }
}

pub(crate) fn unlink(arguments: &Unlink) -> anyhow::Result<()> {
    let segments = segments()?;
    let chosen: Vec<&SegmentInfo> = if arguments.unused {
        segments.iter().filter(|segment| !segment.is_in_use()).collect()
    } else {
        let find = |name: &String| {
            let found = segments.iter().find(|segment| segment.name == *name);
            found.with_context(|| format!("no segment `{name}`; there are: {}", names(&segments)))
        };
        arguments.names.iter().map(find).collect::<anyhow::Result<_>>()?
    };
    // All or none: before the first name goes, all are looked at.
    if let Some(used) = chosen.iter().find(|segment| segment.is_in_use() && !arguments.in_use) {
        bail!("`{}` is in use (see `rondel list`); --in-use removes its name all the same", used.name);
    }
    let mut out = io::stdout().lock();
    for segment in chosen {
        segment.unlink().with_context(|| format!("cannot remove `{}`", segment.name))?;
        writeln!(out, "removed {}", segment.name)?;
    }
    Ok(())
}

fn names(segments: &[SegmentInfo]) -> String {
    match segments {
        [] => "none".into(),
        _ => segments.iter().map(|segment| segment.name.as_str()).collect::<Vec<_>>().join(", "),
    }
}
