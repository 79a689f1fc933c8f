//! What a process says when it panics, kept where those can read it that it was forked from.

use std::panic;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::page::Page;

/// How many bytes are kept.
const MOST: usize = 2048;

/// The bytes, eight to a word; the first word is their number.
type Text = [AtomicU64; 1 + MOST / 8];

static TEXT: OnceLock<Page<Text>> = OnceLock::new();

/// From here on, panics of this process and of its children are kept, one behind the other, and nowhere printed.
pub(crate) fn keep() {
    let _ = TEXT.set(Page::new().expect("a page of memory"));
    panic::set_hook(Box::new(|told| append(&format!("{told}\n"))));
}

// Relaxed throughout: a process writes before it ends, and another reads when it has reaped that.

fn append(told: &str) {
    let Some(text) = TEXT.get() else { return };
    let mut len = text[0].load(Relaxed) as usize;
    for byte in told.bytes().take(MOST - len) {
        let word = &text[1 + len / 8];
        word.store(word.load(Relaxed) | u64::from(byte) << (len % 8 * 8), Relaxed);
        len += 1;
    }
    text[0].store(len as u64, Relaxed);
}

/// What was said since the last call.
pub(crate) fn take() -> String {
    let Some(text) = TEXT.get() else { return String::new() };
    let len = text[0].swap(0, Relaxed) as usize;
    let bytes: Vec<u8> = text[1..].iter().flat_map(|word| word.swap(0, Relaxed).to_le_bytes()).take(len).collect();
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}
