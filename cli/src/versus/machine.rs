//! What machine this is.

use std::fs;

/// The processor's name, or that of its architecture.
pub(super) fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    model(&info).unwrap_or_else(|| format!("{} processor", std::env::consts::ARCH))
}

/// The system's name and release.
pub(super) fn kernel() -> String {
    let name = rustix::system::uname();
    format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
}

/// The processor's name. Not every architecture's `/proc/cpuinfo` has one.
fn model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processors_name() {
        assert_eq!(model("processor: 0\nmodel name\t: A  B\t9000\n"), Some("A B 9000".to_owned()));
        assert_eq!(model("processor: 0\nmodel name\t:\n"), None);
        assert_eq!(model("BogoMIPS: 50"), None);
    }
}
