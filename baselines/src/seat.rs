//! Ends that are the same before and after they are taken.

/// Makes each of these ends its own seat: nothing changes when it is taken.
macro_rules! its_own_seat {
    ($($end:ident $(<$words:ident>)?),+) => {
        $(
            impl $(<const $words: usize>)? $crate::Seat for $end $(<$words>)? {
                type Taken = Self;

                fn take(self) -> $crate::Result<Self> {
                    Ok(self)
                }
            }
        )+
    };
}

pub(crate) use its_own_seat;
