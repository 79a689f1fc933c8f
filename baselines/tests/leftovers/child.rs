//! What the process does that leaves nothing behind.

use rondel_baselines::{
    Arrival, Carries, Cores, Error, EverySize, FewSizes, Message, Receiver, Result, Seat, Stop, Visitor, duet, pump,
    visit,
};

/// The variables of the environment that tell it what to do.
pub(crate) const ROLE: &str = "RONDEL_LEFTOVERS_ROLE";
pub(crate) const TRANSPORT: &str = "RONDEL_LEFTOVERS_TRANSPORT";

/// What it says when it is in the midst of it.
pub(crate) const READY: &str = "ready";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Opens a connection and sits there.
    Open,
    /// Opens and closes connections without end.
    Churn,
    /// Has a conversation without end.
    Talk,
    /// Has a conversation that comes to a good end.
    Succeed,
    /// Has one that ends with an error.
    Fail,
}

impl Role {
    const ALL: [Role; 5] = [Role::Open, Role::Churn, Role::Talk, Role::Succeed, Role::Fail];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Open => "open",
            Role::Churn => "churn",
            Role::Talk => "talk",
            Role::Succeed => "succeed",
            Role::Fail => "fail",
        }
    }

    /// Whether it ends by itself, and well.
    pub(crate) fn ends(self) -> bool {
        matches!(self, Role::Succeed | Role::Fail)
    }
}

/// Plays the role that the environment asks for, if any.
pub(crate) fn play() {
    // A shell starts what it runs in the background with SIGINT ignored, which every descendant inherits.
    // SAFETY: the default action takes no handler of ours.
    assert_ne!(unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) }, libc::SIG_ERR);
    let (Ok(role), Ok(transport)) = (std::env::var(ROLE), std::env::var(TRANSPORT)) else {
        return;
    };
    let role = Role::ALL.into_iter().find(|known| known.name() == role).unwrap();
    visit(&transport, Play(role)).unwrap();
}

struct Play(Role);

impl Visitor for Play {
    type Output = ();

    fn visit<T: FewSizes>(self) {
        play_with::<T, 8>(self.0);
    }

    fn visit_any_length<T: EverySize>(self) {
        self.visit::<T>();
    }
}

fn ready() {
    use std::io::Write;
    println!("{READY}");
    std::io::stdout().flush().unwrap();
}

/// Messages that are heard before a conversation is in the midst of it.
const HEARD: u64 = 300;

fn play_with<T: Carries<WORDS>, const WORDS: usize>(role: Role) {
    // The way of waiting in which most transports sleep: what sleeps must be woken.
    let wait = *T::WAITS.last().unwrap();
    let open = || T::open(wait).unwrap_or_else(|error| panic!("{error}"));
    match role {
        Role::Open => {
            let _seats = open();
            ready();
            loop {
                std::thread::park();
            }
        }
        Role::Churn => {
            drop(open());
            ready();
            loop {
                drop(open());
            }
        }
        Role::Talk | Role::Succeed | Role::Fail => {
            let result = talk::<T, WORDS>(role, open());
            assert_eq!(result.is_err(), role == Role::Fail, "{result:?}");
        }
    }
}

fn talk<T: Carries<WORDS>, const WORDS: usize>(
    role: Role,
    (sending, receiving): (T::Sending, T::Receiving),
) -> Result<()> {
    let stop = Stop::new()?;
    let far_stop = stop.clone();
    let far = move || pump(&mut sending.take()?, &far_stop);
    let near = move || {
        let mut receiver = receiving.take()?;
        let mut message = Message::<WORDS>::default();
        for _ in 0..HEARD {
            receiver.receive(&mut message)?;
        }
        ready();
        match role {
            Role::Fail => message.verify(T::NAME, u64::MAX - 1),
            Role::Talk => loop {
                receiver.receive(&mut message)?;
            },
            _ => {
                stop.request();
                // What has no queue has nothing left in it, and its last message may have been overwritten.
                let mut number = HEARD;
                while T::QUEUES && receiver.check(T::NAME, number, &mut message)? == Arrival::Due {
                    number += 1;
                }
                Ok(())
            }
        }
    };
    match duet(T::SCOPE, Cores::Anywhere, far, near) {
        Err(error) if role == Role::Fail => {
            assert!(matches!(*error, Error::Corrupt { .. }), "{error}");
            Err(error)
        }
        result => result,
    }
}
