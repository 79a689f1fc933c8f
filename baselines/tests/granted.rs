//! What transports say that they were granted is what the system's limits allow.

use rondel_baselines::{EverySize, FewSizes, Visitor, display_bytes, visit};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// What every socket asks for.
const ASKED: usize = 1 << 20;

fn granted(name: &str) -> String {
    struct Ask;
    impl Visitor for Ask {
        type Output = Option<String>;

        fn visit<T: FewSizes>(self) -> Self::Output {
            T::granted()
        }

        fn visit_any_length<T: EverySize>(self) -> Self::Output {
            T::granted()
        }
    }
    visit(name, Ask).unwrap().unwrap_or_else(|| panic!("{name} does not say what it was granted"))
}

/// The last number of a limit; none where the system does not show it, as in a network namespace of an older kernel.
fn limit(name: &str) -> Option<usize> {
    let told = std::fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?;
    Some(told.split_whitespace().last().unwrap().parse().unwrap())
}

/// What is said of a buffer under a limit.
fn buffer(limit_name: &str, limit: usize) -> String {
    if limit < ASKED { format!("{} ({limit_name})", display_bytes(limit)) } else { display_bytes(ASKED) }
}

#[test]
fn a_pipe_is_as_large_as_it_may_be() {
    let largest = limit("fs.pipe-max-size").expect("a limit on pipes");
    // Where this user's pipes have used up what all of them together may have, it is less.
    let refused = {
        let (_read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        fcntl_setpipe_size(&write, largest).is_err()
    };
    let told = granted("pipe");
    if refused {
        assert!(told.ends_with("(fs.pipe-user-pages-soft)"), "{told}");
    } else {
        assert_eq!(told, format!("{} (fs.pipe-max-size)", display_bytes(largest)));
        assert_eq!(granted("fifo"), told);
        let slots = largest / rustix::param::page_size();
        assert_eq!(granted("vmsplice"), format!("{told}, {slots} slots"));
    }
}

#[test]
fn the_buffer_of_a_unix_socket_is_what_its_limit_allows() {
    let Some(limit) = limit("net.core.wmem_max") else { return };
    for name in ["unix-stream", "unix-datagram", "unix-seqpacket"] {
        assert_eq!(granted(name), buffer("net.core.wmem_max", limit));
    }
}

#[test]
fn the_buffer_of_a_udp_socket_is_what_its_limit_allows() {
    let Some(limit) = limit("net.core.rmem_max") else { return };
    assert_eq!(granted("udp"), buffer("net.core.rmem_max", limit));
}

#[test]
fn the_buffer_of_a_tcp_socket_is_of_the_size_asked_for_or_grows() {
    let (Some(sending), Some(receiving)) = (limit("net.core.wmem_max"), limit("net.core.rmem_max")) else { return };
    let told = granted("tcp");
    if sending.min(receiving) < ASKED {
        let grows_to = display_bytes(limit("net.ipv4.tcp_wmem").expect("a limit on TCP"));
        assert_eq!(told, format!("grows to {grows_to} (net.ipv4.tcp_wmem)"));
    } else {
        assert_eq!(told, display_bytes(ASKED));
    }
}
