//! How close two cores are to one another, which decides more than anything else how long a line takes from one to the other.

use clap::ValueEnum;
use std::fs;

/// What two cores share. The names are those of the command line and of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Placement {
    /// They are one and the same.
    SameCore,
    /// Two hardware threads of one physical core.
    SmtSiblings,
    /// Different cores with one L3 cache.
    SameL3,
    /// One socket, but no common L3 cache.
    SameSocket,
    /// Different sockets.
    Across,
    /// The system does not say. Nobody asks for that.
    #[value(skip)]
    Unknown,
}

impl Placement {
    /// Of two cores of this machine.
    pub(crate) fn of(one: usize, other: usize) -> Self {
        Self::read(one, other, |core, file| {
            fs::read_to_string(format!("/sys/devices/system/cpu/cpu{core}/{file}")).ok()
        })
    }

    /// The same, where `read` reads a file of a core's directory in sysfs.
    fn read(one: usize, other: usize, read: impl Fn(usize, &str) -> Option<String>) -> Self {
        if one == other {
            return Placement::SameCore;
        }
        let lists = |file: &str| read(one, file).map(|list| contains(&list, other));
        let package = |core| read(core, "topology/physical_package_id").map(|id| id.trim().to_owned());
        if lists("topology/thread_siblings_list") == Some(true) {
            return Placement::SmtSiblings;
        }
        match (lists("cache/index3/shared_cpu_list"), package(one), package(other)) {
            (Some(true), ..) => Placement::SameL3,
            (_, Some(one), Some(other)) if one != other => Placement::Across,
            (_, Some(_), Some(_)) => Placement::SameSocket,
            _ => Placement::Unknown,
        }
    }

    /// The name used in records.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Placement::SameCore => "same-core",
            Placement::SmtSiblings => "smt-siblings",
            Placement::SameL3 => "same-l3",
            Placement::SameSocket => "same-socket",
            Placement::Across => "across",
            Placement::Unknown => "unknown",
        }
    }
}

/// Whether a list such as `0-3,8` contains a number.
fn contains(list: &str, number: usize) -> bool {
    list.trim().split(',').any(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        matches!((first.trim().parse::<usize>(), last.trim().parse::<usize>()), (Ok(first), Ok(last))
            if (first..=last).contains(&number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores() {
        for (list, number, is) in [
            ("0-1\n", 1, true),
            ("0-1", 2, false),
            ("0,4", 4, true),
            ("0-3,8-11", 9, true),
            ("", 0, false),
            ("x", 0, false),
        ] {
            assert_eq!(contains(list, number), is, "{number} in {list:?}");
        }
    }

    #[test]
    fn how_close_two_cores_are() {
        // What the three files say of core 0 and 1: siblings, L3, sockets.
        let told = |siblings: &'static str, cache: Option<&'static str>, sockets: [&'static str; 2]| {
            Placement::read(0, 1, move |core, file| match file {
                "topology/thread_siblings_list" => Some(siblings.to_owned()),
                "cache/index3/shared_cpu_list" => cache.map(str::to_owned),
                _ => sockets.get(core).map(|id| (*id).to_owned()),
            })
        };
        assert_eq!(told("0-1", Some("0-7"), ["0", "0"]), Placement::SmtSiblings);
        assert_eq!(told("0,8", Some("0-7"), ["0", "0"]), Placement::SameL3);
        assert_eq!(told("0,8", Some("0,8"), ["0", "0"]), Placement::SameSocket);
        assert_eq!(told("0,8", Some("0,8"), ["0", "1"]), Placement::Across);
        assert_eq!(told("0,8", None, ["0", "0"]), Placement::SameSocket);
        assert_eq!(Placement::read(0, 1, |_, _| None), Placement::Unknown);
        assert_eq!(Placement::read(1, 1, |_, _| None), Placement::SameCore);
    }

    #[test]
    fn the_names_of_records_are_those_of_the_command_line() {
        for placement in Placement::value_variants() {
            let told = placement.to_possible_value().expect("none is hidden");
            assert_eq!(told.get_name(), placement.name());
        }
    }
}
