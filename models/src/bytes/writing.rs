//! Writing to the ring as a stream.

use std::io::{ErrorKind, Write};

use rondel::bytes::PushError;

use super::Model;
use super::pushing::slices;
use crate::bytes::operation::{How, Length};
use crate::bytes::refusal::Refusal;

impl Model {
    /// How much of these slices is one write's message: whole slices as long as they fit; if not even the first one that is not empty
    /// does, as much of that as fits.
    fn message_len(&self, parts: &[usize]) -> usize {
        // So that one message can be read while the next is written.
        let most = (self.capacity / 4).clamp(1, self.largest);
        let mut len = 0;
        for part in parts {
            match len + part {
                sum if sum <= most => len = sum,
                sum if len == 0 => return sum.min(most),
                _ => break,
            }
        }
        len
    }

    /// One slice by `write`, several by `write_vectored`.
    pub(super) fn write(&mut self, lens: &[Length]) {
        let parts: Vec<usize> = lens.iter().map(|len| len.of(self.largest)).collect();
        let mut bytes = self.bytes(parts.iter().sum());
        let len = self.message_len(&parts);
        let expected = match len {
            // Not even an empty message.
            0 => Ok(()),
            _ => match self.answer(len, How::Endless) {
                Some(answer) => answer,
                None => return,
            },
        };
        let Some(tx) = &mut self.tx else { return };
        tx.flush().expect("nothing to do");
        let written = match &parts[..] {
            [_] => tx.write(&bytes),
            _ => tx.write_vectored(&slices(&bytes, &parts)),
        };
        match (written, expected) {
            (Ok(written), Ok(())) => {
                assert_eq!(written, len, "of slices of {parts:?} bytes");
                bytes.truncate(len);
                if len > 0 {
                    self.published(bytes);
                }
            }
            (Err(error), Err(refusal @ (Refusal::Closed | Refusal::Dead))) => {
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<PushError>());
                assert_eq!(inside.copied().map(Refusal::from), Some(refusal));
            }
            (written, expected) => panic!("{written:?}, where {expected:?} was expected"),
        }
    }
}
