//! What machine this is: a figure without it means nothing.

use super::cores::PairOfCores;
use std::fs;

/// The machine, in the words of its report.
pub(super) struct Machine {
    processor: String,
    kernel: String,
    cores: PairOfCores,
    relation: &'static str,
}

impl Machine {
    pub(super) fn this(cores: PairOfCores) -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = rustix::system::uname();
        Machine {
            processor: model(&info).unwrap_or_else(|| format!("{} processor", std::env::consts::ARCH)),
            kernel: format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy()),
            cores,
            relation: relation(cores, |core, file| {
                fs::read_to_string(format!("/sys/devices/system/cpu/cpu{core}/{file}")).ok()
            }),
        }
    }

    /// One line.
    pub(super) fn describe(&self) -> String {
        let PairOfCores { near, far } = self.cores;
        format!("{} · {} · cores {near} and {far} ({})", self.processor, self.kernel, self.relation)
    }
}

/// The processor's name. Not every architecture's `/proc/cpuinfo` has one.
fn model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|name| !name.is_empty())
}

/// How close the two cores are to one another, which decides more than anything else how long a line takes from one to the
/// other. `read` reads a file of a core's directory in sysfs.
fn relation(cores: PairOfCores, read: impl Fn(usize, &str) -> Option<String>) -> &'static str {
    let PairOfCores { near, far } = cores;
    let lists = |file: &str| read(near, file).map(|list| contains(&list, far));
    let package = |core| read(core, "topology/physical_package_id").map(|id| id.trim().to_owned());
    if lists("topology/thread_siblings_list") == Some(true) {
        return "two threads of one physical core: expect other figures than between cores";
    }
    match (lists("cache/index3/shared_cpu_list"), package(near), package(far)) {
        (Some(true), ..) => "different cores, one L3 cache",
        (_, Some(one), Some(other)) if one != other => "different sockets",
        (Some(false), ..) => "one socket, different L3 caches",
        (None, Some(_), Some(_)) => "one socket",
        _ => "their relation is not known",
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
        assert!(contains("0-3,8\n", 2) && contains("0-3,8\n", 8) && contains("5", 5));
        assert!(!contains("0-3,8\n", 4) && !contains("", 0) && !contains("x-y", 0));
    }

    #[test]
    fn the_processors_name() {
        assert_eq!(model("processor: 0\nmodel name\t: A  B\t9000\n"), Some("A B 9000".to_owned()));
        assert_eq!(model("processor: 0\nmodel name\t:\n"), None);
        assert_eq!(model("BogoMIPS: 50"), None);
    }

    #[test]
    fn how_close_two_cores_are() {
        let cores = PairOfCores { near: 0, far: 1 };
        // What the three files say of core 0 and 1: siblings, L3, sockets.
        let told = |siblings: &'static str, cache: Option<&'static str>, sockets: [&'static str; 2]| {
            relation(cores, move |core, file| match file {
                "topology/thread_siblings_list" => Some(siblings.to_owned()),
                "cache/index3/shared_cpu_list" => cache.map(str::to_owned),
                _ => sockets.get(core).map(|id| (*id).to_owned()),
            })
        };
        assert!(told("0-1", Some("0-7"), ["0", "0"]).starts_with("two threads"));
        assert_eq!(told("0,8", Some("0-7"), ["0", "0"]), "different cores, one L3 cache");
        assert_eq!(told("0,8", Some("0,8"), ["0", "0"]), "one socket, different L3 caches");
        assert_eq!(told("0,8", Some("0,8"), ["0", "1"]), "different sockets");
        assert_eq!(told("0,8", None, ["0", "0"]), "one socket");
        assert_eq!(relation(cores, |_, _| None), "their relation is not known");
    }
}
