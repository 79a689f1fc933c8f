//! What the machine grants queues is told, in a phrase that names the limit where one binds.

use rondel_baselines::transports::{PosixMq, SysvMq};
use rondel_baselines::{Carries, Error, Transport, Wait};

fn limit(path: &str) -> usize {
    std::fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

#[test]
fn posix_mq_tells_its_lengths() {
    let told = PosixMq::granted().expect("a queue can be made");
    let length: usize = told.split(' ').next().unwrap().parse().unwrap();
    assert!(length >= 2, "{told}");
    let most = limit("/proc/sys/fs/mqueue/msg_max");
    match length {
        14_563 => assert!(told.contains("as asked for"), "{told}"),
        _ if length == most => assert!(told.contains("fs.mqueue.msg_max"), "{told}"),
        _ => assert!(told.contains("RLIMIT_MSGQUEUE"), "{told}"),
    }
    let open = <PosixMq as Carries<8192>>::open(Wait::Park);
    refused_as_told(&told, open.err(), "fs.mqueue.msgsize_max");
}

#[test]
fn sysv_mq_tells_its_size() {
    let told = SysvMq::granted().expect("a queue can be made");
    let (most, longest) = (limit("/proc/sys/kernel/msgmnb"), limit("/proc/sys/kernel/msgmax"));
    if told.starts_with("1 MiB") {
        assert!(told.contains("as asked for"), "{told}");
    } else {
        assert!(told.starts_with(&rondel_baselines::display_bytes(most)), "{told}");
        assert!(told.contains("(kernel.msgmnb)"), "{told}");
    }
    assert!(told.contains(&format!("{} (kernel.msgmax)", rondel_baselines::display_bytes(longest))), "{told}");
    let open = <SysvMq as Carries<8192>>::open(Wait::Park);
    assert_eq!(open.is_ok(), longest >= 65_536);
    refused_as_told(&told, open.err(), "kernel.msgmax");
}

/// Where a size is refused, the refusal names the limit, and so does what is told of all sizes.
fn refused_as_told(told: &str, error: Option<Box<Error>>, limit: &str) {
    if let Some(error) = error {
        assert!(matches!(*error, Error::Unavailable { .. }), "{error}");
        assert!(error.to_string().contains(limit), "{error}");
        assert!(told.contains(limit), "{told}");
    }
}
