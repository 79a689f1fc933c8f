//! `rondel list` and `rondel unlink` as their users run them.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::process::{Command, Output};

use rondel::spsc::Ring;

fn rondel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rondel")).args(arguments).output().expect("the tool starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_segment_in_use_is_listed_with_its_holder_and_not_unlinked_by_the_way() {
    let name = format!("cli-test-{}", std::process::id());
    let ring = Ring::<u64>::builder()
        .capacity(100)
        .schema(0xab)
        .unlink_on_drop(true)
        .create(name.as_str())
        .expect("a fresh name");
    let producer = ring.producer().expect("nobody else");

    let listed = text(&rondel(&["list"]).stdout);
    let from = listed.find(&name).unwrap_or_else(|| panic!("`{name}` is not in\n{listed}"));
    let entry = &listed[from..];
    for part in ["spsc", "8 B", "100", "0xab", "600", &format!("producer: {}", std::process::id()), "consumer: never"] {
        assert!(entry.contains(part), "no `{part}` in\n{listed}");
    }

    let refused = rondel(&["unlink", &name]);
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("in use"), "{}", text(&refused.stderr));
    let attach = || Ring::<u64>::builder().schema(0xab).attach(name.as_str());
    attach().expect("the name must still be there");

    drop(producer);
    let removed = rondel(&["unlink", &name]);
    assert_eq!(text(&removed.stdout), format!("removed {name}\n"), "{}", text(&removed.stderr));
    attach().expect_err("the name must be gone");
}

#[test]
fn an_unknown_name_is_refused_before_anything_is_removed() {
    let name = format!("cli-test-kept-{}", std::process::id());
    let _ring = Ring::<u64>::builder().capacity(1).unlink_on_drop(true).create(name.as_str()).expect("a fresh name");
    let refused = rondel(&["unlink", &name, "no-such-segment"]);
    assert!(!refused.status.success());
    let told = text(&refused.stderr);
    assert!(told.contains("no-such-segment") && told.contains(&name), "{told}");
    Ring::<u64>::attach(name.as_str()).expect("the other name must still be there");
}

/// A named segment with a table of participants, written by its bytes (`docs/layout.md`), so that the test has any
/// participants that it likes: an spsc ring whose body is long enough for the table is given another kind.
struct Table {
    name: String,
    file: File,
    _ring: Ring<u64>,
}

const PRODUCER: u64 = 1;
const CONSUMER: u64 = 2;

impl Table {
    fn new(test: &str, lines: u32) -> Table {
        let name = format!("cli-test-{test}-{}", std::process::id());
        let builder = Ring::<u64>::builder().capacity(10_000).unlink_on_drop(true);
        let ring = builder.create(name.as_str()).expect("a fresh name");
        let path = format!("/dev/shm/rondel.{name}");
        let file = File::options().read(true).write(true).open(path).expect("the segment's file");
        file.write_all_at(&2_u32.to_ne_bytes(), 12).expect("the kind");
        file.write_all_at(&lines.to_ne_bytes(), 72).expect("the number of lines");
        Table { name, file, _ring: ring }
    }

    /// Records a participant, which was killed unless its line is [held](Self::hold).
    fn record(&self, line: u64, side: u64, pid: u64) {
        self.write(line, 1 << 8 | 1, side, pid);
    }

    /// Records a participant that has gone in good order.
    fn record_closed(&self, line: u64, side: u64, pid: u64) {
        self.write(line, 1 << 8 | 2, side, pid);
    }

    fn write(&self, line: u64, state: u64, side: u64, pid: u64) {
        for (word, value) in [state, pid, 0, side].into_iter().enumerate() {
            self.file.write_all_at(&u64::to_ne_bytes(value), 4096 + line * 128 + word as u64 * 8).expect("a record");
        }
    }

    /// Takes the lock of a line, as a participant that lives.
    fn hold(&self, line: u64) {
        // SAFETY: integers, for which all bytes zero is a value.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = libc::F_WRLCK as libc::c_short;
        lock.l_whence = libc::SEEK_SET as libc::c_short;
        lock.l_start = libc::off_t::try_from(line).expect("a small number");
        lock.l_len = 1;
        // SAFETY: the descriptor is open, and the call reads `lock` alone, which outlives it.
        let result = unsafe { libc::fcntl(self.file.as_raw_fd(), libc::F_OFD_SETLK, &lock) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }

    /// The lines that the tool prints in the column of who is attached.
    fn listed(&self) -> Vec<String> {
        let listed = text(&rondel(&["list"]).stdout);
        let from = listed.find(&self.name).unwrap_or_else(|| panic!("`{}` is not in\n{listed}", self.name));
        let entry = listed[from..].lines().take_while(|line| !line.contains(['─', '═']));
        let column = |line: &str| line.trim_end().rsplit_once("   ").map_or("", |(_, last)| last).trim().to_owned();
        let cells: Vec<_> = entry.map(column).collect();
        assert!(!cells.is_empty(), "no entry in\n{listed}");
        cells
    }
}

#[test]
fn participants_are_counted_by_side_and_their_processes_named() {
    let table = Table::new("table", 64);
    assert_eq!(table.listed(), ["nobody, room for 64"]);
    for (line, side, pid) in [(0, PRODUCER, 11), (1, CONSUMER, 22), (5, PRODUCER, 12), (6, PRODUCER, 11)] {
        table.record(line, side, pid);
        table.hold(line);
    }
    table.record(63, CONSUMER, 23);
    table.record_closed(7, PRODUCER, 13);
    table.record_closed(8, CONSUMER, 24);
    let processes = ["producers: 11 ×2, 12", "consumers: 22, 23 dead"];
    assert_eq!(table.listed(), ["3 producers, 2 consumers (1 dead), room for 64", processes[0], processes[1]]);
    table.hold(9);
    let counts = "3 producers, 2 consumers (1 dead), 1 participant, room for 64";
    assert_eq!(table.listed(), [counts, processes[0], processes[1]], "one that has not recorded itself yet");
}

#[test]
fn a_table_full_of_participants_stays_readable() {
    let table = Table::new("full-table", 64);
    for line in 0..64 {
        table.record(line, CONSUMER, 1000 + line);
        table.hold(line);
    }
    let processes = "consumers: 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, and 56 more";
    assert_eq!(table.listed(), ["64 consumers, room for 64", processes]);
}
