//! A slot's stamp: which lap it is in, and how far things are there.
//!
//! ```text
//!   FREE, FULL, VOID   │ lap: first position of the lap, 62 bits                       │ state, 2 bits │
//!   RECLAIM            │ lap's number, low 34 bits │ attachment, 16 │ line, 12 bits    │ 3             │
//! ```
//!
//! The lap of position `p` is `p − p mod N`, so that a slot that was never used, all zero, is FREE in lap 0, whichever it is. No stamp
//! of one lap can pass for one of another: a compare-and-swap that comes late, however late, fails.
//!
//! RECLAIM names its taker by the line and by a count of that line's attachments: should the taker die and its line be leased
//! anew, by someone who goes on with the same message, then the stamp differs again, and a rival that has seen the first one dead
//! cannot take the message from the second. The lap and the count are cut short there. To be taken for
//! another, such a stamp would have to come back in the same slot after a multiple of 2³⁴ laps and, in the same instant, of 2¹⁶ attachments
//! of the same line, while a rival stands still between two instructions.

const FREE: u64 = 0;
const FULL: u64 = 1;
const VOID: u64 = 2;
const RECLAIM: u64 = 3;

const STATE_BITS: u32 = 2;
const LINE_BITS: u32 = 12;
const COUNT_BITS: u32 = 16;
const LAP_SHIFT: u32 = STATE_BITS + LINE_BITS + COUNT_BITS;

/// The most lines that a table can have, for a stamp has room for no larger number.
pub(crate) const MOST_LINES: u32 = 1 << LINE_BITS;

/// Positions beyond this are taken for corruption.
pub(super) const MAX_POSITION: u64 = 1 << 61;

/// The shape of one ring: fixed at creation, derived anew (never read) at every attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Slots, a power of two, less one.
    mask: u64,
}

/// Who has taken over a dead consumer's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taker {
    /// The line in the table.
    pub(crate) line: u32,
    /// Which attachment of that line, modulo 2¹⁶.
    pub(crate) attachment: u16,
}

impl Geometry {
    /// The shape of a ring with room for `capacity` elements: as many slots, rounded up to a power of two.
    ///
    /// `None` if `capacity` is 0 or more than half of all positions.
    pub(crate) fn new(capacity: u64) -> Option<Geometry> {
        let slots = capacity.checked_next_power_of_two()?;
        (capacity > 0 && slots <= MAX_POSITION / 2).then_some(Geometry { mask: slots - 1 })
    }

    /// How many slots there are.
    #[inline(always)]
    pub(crate) fn slots(self) -> u64 {
        self.mask + 1
    }

    #[inline(always)]
    fn lap(self, p: u64) -> u64 {
        p & !self.mask
    }

    /// Not claimed, or claimed by a producer and not published.
    #[inline(always)]
    pub(super) fn free(self, p: u64) -> u64 {
        self.lap(p) << STATE_BITS | FREE
    }

    /// Not claimed by a producer of the next lap: `p` is done with.
    #[inline(always)]
    pub(super) fn free_again(self, p: u64) -> u64 {
        self.free(p.wrapping_add(self.slots()))
    }

    /// Published; not claimed, or claimed by a consumer and not freed.
    #[inline(always)]
    pub(super) fn full(self, p: u64) -> u64 {
        self.lap(p) << STATE_BITS | FULL
    }

    /// Nothing will be published here: the producer died.
    #[inline(always)]
    pub(super) fn void(self, p: u64) -> u64 {
        self.lap(p) << STATE_BITS | VOID
    }

    /// Published; the consumer died; taken over.
    pub(super) fn reclaim(self, p: u64, taker: Taker) -> u64 {
        let lap = p >> self.slots().trailing_zeros();
        lap << LAP_SHIFT
            | u64::from(taker.attachment) << (STATE_BITS + LINE_BITS)
            | u64::from(taker.line % MOST_LINES) << STATE_BITS
            | RECLAIM
    }

    /// Who has taken over position `p`, if the stamp says that somebody has.
    pub(super) fn taker(self, p: u64, stamp: u64) -> Option<Taker> {
        let taker = Taker {
            line: (stamp >> STATE_BITS) as u32 % MOST_LINES,
            attachment: (stamp >> (STATE_BITS + LINE_BITS)) as u16,
        };
        (stamp == self.reclaim(p, taker)).then_some(taker)
    }
}
