//! What the kernel grants of what it is asked for, and how that is told.

use crate::display_bytes;

/// The size of buffer that sockets ask for, as large as the largest pipe is by default. The kernel silently grants less where
/// `net.core.wmem_max` or `net.core.rmem_max` is lower, as it is by default. Where that is higher no more is asked for: what is
/// under way would leave the processor's caches, to the sockets' disadvantage.
pub(crate) const BUFFER: usize = 1 << 20;

/// A socket's buffer of the size that is told for it, and the limit that has kept it from being as large as was asked for.
pub(crate) fn buffer_granted(told: usize, limit: &str) -> String {
    // The kernel tells twice as much: it adds as much again for its own bookkeeping.
    let granted = told / 2;
    if granted < BUFFER { format!("{} ({limit})", display_bytes(granted)) } else { display_bytes(granted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_named_where_it_has_had_a_say() {
        assert_eq!(buffer_granted(425_984, "net.core.wmem_max"), "208 KiB (net.core.wmem_max)");
        assert_eq!(buffer_granted(2 << 20, "net.core.wmem_max"), "1 MiB");
    }
}
