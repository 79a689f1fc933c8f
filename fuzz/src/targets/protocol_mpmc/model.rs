//! How far things are at each position.

/// What has become of a position that a producer has claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its producer died.
    Unpublished,
    /// And that was found out.
    Void,
    Published,
    /// By a consumer that lives. What was `taken` over from a dead one bears a stamp that says so.
    Claimed {
        line: u32,
        taken: bool,
    },
    /// By one that died.
    Left {
        taken: bool,
    },
    /// A void that a consumer had claimed who died.
    VoidLeft,
    /// The slot is free for the next lap.
    Free,
}

impl State {
    /// Whether it waits for somebody to settle it.
    pub(super) fn is_left(self) -> bool {
        matches!(self, State::Left { .. } | State::VoidLeft | State::Unpublished)
    }
}

pub(super) struct Model {
    slots: u64,
    states: Vec<State>,
    pub(super) head: u64,
}

impl Model {
    pub(super) fn new(slots: u64) -> Self {
        Model { slots, states: Vec::new(), head: 0 }
    }

    pub(super) fn tail(&self) -> u64 {
        self.states.len() as u64
    }

    pub(super) fn state(&self, p: u64) -> State {
        self.states[p as usize]
    }

    pub(super) fn set(&mut self, p: u64, state: State) {
        // What a hostile peer leads to is nobody's knowledge.
        if let Some(place) = self.states.get_mut(p as usize) {
            *place = state;
        }
    }

    pub(super) fn pushed(&mut self, state: State) {
        self.states.push(state);
    }

    /// No position from this one on has been claimed after all.
    pub(super) fn unclaim(&mut self, p: u64) {
        self.states.truncate(p as usize);
    }

    /// The positions whose slots may be in use.
    pub(super) fn recent(&self) -> std::ops::Range<u64> {
        self.tail().saturating_sub(self.slots)..self.tail()
    }

    /// Whether the slot of a position that is not claimed yet is free.
    pub(super) fn is_free(&self, p: u64) -> bool {
        match p.checked_sub(self.slots) {
            None => true,
            Some(before) => before < self.tail() && self.state(before) == State::Free,
        }
    }

    /// How many slots are free from the tail on.
    pub(super) fn room(&self, most: u64) -> u64 {
        (0..most.min(self.slots)).take_while(|i| self.is_free(self.tail() + i)).count() as u64
    }

    /// How many positions from the head on a slice of so many elements claims, and how many elements are in them.
    pub(super) fn ready(&self, most: u64) -> (u64, u64) {
        let (mut count, mut full) = (0, 0);
        while count < self.slots && full < most && self.head + count < self.tail() {
            match self.state(self.head + count) {
                State::Published => full += 1,
                State::Void => {}
                _ => break,
            }
            count += 1;
        }
        (count, full)
    }

    /// A void at the head is freed by whoever comes. True if there was one.
    pub(super) fn skip_void(&mut self) -> bool {
        let void = self.head < self.tail() && self.state(self.head) == State::Void;
        if void {
            self.set(self.head, State::Free);
            self.head += 1;
        }
        void
    }

    pub(super) fn blocks_pop(&self) -> bool {
        self.ready(1).0 == 0
    }

    /// What this participant held is left.
    pub(super) fn dies(&mut self, dead: u32) {
        for p in self.recent() {
            match self.state(p) {
                State::Claimed { line, taken } if line == dead => self.set(p, State::Left { taken }),
                _ => {}
            }
        }
    }
}
