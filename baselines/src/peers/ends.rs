//! The ends of a channel that blocks and that says when nobody is left at the other: all such channels have the same two calls.

/// Makes `Sending` and `Receiving` for the channel `$transport`, of what the crate calls its two ends.
macro_rules! channel_ends {
    ($transport:ident: $sender:ident, $receiver:ident of $channel:ident) => {
        /// One that sends.
        pub struct Sending<const WORDS: usize> {
            sender: $channel::$sender<$crate::Message<WORDS>>,
        }

        /// One that receives.
        pub struct Receiving<const WORDS: usize> {
            receiver: $channel::$receiver<$crate::Message<WORDS>>,
        }

        $crate::seat::its_own_seat!(Sending<WORDS>, Receiving<WORDS>);

        impl<const WORDS: usize> $crate::Sender<WORDS> for Sending<WORDS> {
            #[inline(always)]
            fn send(&mut self, message: &$crate::Message<WORDS>) -> $crate::Result<()> {
                self.sender.send(*message).map_err(|_| peer_gone())
            }
        }

        impl<const WORDS: usize> $crate::Receiver<WORDS> for Receiving<WORDS> {
            #[inline(always)]
            fn receive(&mut self, message: &mut $crate::Message<WORDS>) -> $crate::Result<()> {
                *message = self.receiver.recv().map_err(|_| peer_gone())?;
                Ok(())
            }
        }

        #[cold]
        fn peer_gone() -> Box<$crate::Error> {
            Box::new($crate::Error::PeerGone { transport: <$transport as $crate::Transport>::NAME })
        }
    };
}

pub(super) use channel_ends;
