//! The check of a message finds whatever can be wrong with one.

use rondel_baselines::{Arrival, Error, Message, Receiver, Result, STOP};

fn each_word_matters<const WORDS: usize>() {
    for number in [0, 1, 2, 1 << 32, u64::MAX - 1] {
        let sound = Message::<WORDS>::numbered(number);
        assert!(sound.is(number) && !sound.is(STOP));
        sound.verify("test", number).unwrap();
        for word in 0..WORDS {
            for bit in 0..64 {
                let mut broken = sound;
                broken.words_mut()[word] ^= 1 << bit;
                assert!(!broken.is(number), "word {word}, bit {bit}");
                match *broken.verify("test", number).unwrap_err() {
                    Error::Corrupt { transport: "test", index, word: at, expected, found } => {
                        assert_eq!((index, at, expected ^ found), (number, word, 1 << bit));
                        assert_eq!((expected, found), (sound.words()[word], broken.words()[word]));
                    }
                    other => panic!("{other}"),
                }
            }
        }
    }
}

#[test]
fn every_bit_of_every_word_matters() {
    each_word_matters::<1>();
    each_word_matters::<8>();
    each_word_matters::<128>();
}

#[test]
fn a_word_in_the_wrong_place_is_noticed() {
    let mut swapped = Message::<8>::numbered(7);
    swapped.words_mut().swap(2, 5);
    assert!(!swapped.is(7));
    swapped.words_mut().swap(2, 5);
    assert!(swapped.is(7));
}

/// Every bit of 64 KiB would take long; a bit of some words, here and there, will do.
#[test]
fn words_of_a_large_message_matter() {
    let sound = Message::<8192>::numbered(9);
    let mut broken = sound;
    for word in (0..8192).step_by(61).chain([8191]) {
        broken.words_mut()[word] ^= 1 << (word % 64);
        assert!(!broken.is(9), "word {word}");
        assert!(matches!(*broken.arrived("test", 9).unwrap_err(), Error::Corrupt { word: at, .. } if at == word));
        broken.words_mut()[word] = sound.words()[word];
    }
    assert_eq!(broken.arrived("test", 9).unwrap(), Arrival::Due);
}

#[test]
fn what_arrives_is_due_or_the_end_or_wrong() {
    for number in [0, 1, 1 << 40] {
        assert_eq!(Message::<8>::numbered(number).arrived("test", number).unwrap(), Arrival::Due);
        assert_eq!(Message::<8>::numbered(STOP).arrived("test", number).unwrap(), Arrival::Stop);
        let wrong = Message::<8>::numbered(number + 1).arrived("test", number).unwrap_err();
        assert!(matches!(*wrong, Error::Corrupt { index, word: 0, .. } if index == number), "{wrong}");
    }
}

#[test]
fn a_message_is_made_anew_in_every_word() {
    let mut message = Message::<128>::numbered(5);
    message.renumber(6);
    assert_eq!(message, Message::numbered(6));
}

#[test]
fn a_stamp_tells_messages_of_one_content_apart() {
    fn tells<const WORDS: usize>() {
        let prepared = Message::<WORDS>::numbered(0);
        for (number, due, arrival) in [(0, 0, Arrival::Due), (77, 77, Arrival::Due), (STOP, 77, Arrival::Stop)] {
            let mut message = prepared;
            message.stamp(number);
            assert_eq!(message.stamped("test", due).unwrap(), arrival);
            // Whatever lies between is what it was.
            message.stamp(0);
            assert_eq!(message, prepared);
            for word in [0, WORDS - 1] {
                let mut torn = prepared;
                torn.stamp(number);
                torn.words_mut()[word] ^= 1 << 63;
                assert!(torn.stamped("test", due).is_err(), "word {word}");
            }
        }
    }
    tells::<1>();
    tells::<8>();
    tells::<8192>();
}

#[test]
fn a_torn_message_is_noticed() {
    // The first half of one message and the second half of a neighbour, as a reader sees it that is too early.
    for other in [6, 8, 7 + 1024] {
        let mut torn = Message::<128>::numbered(7);
        torn.words_mut()[64..].copy_from_slice(&Message::<128>::numbered(other).words()[64..]);
        assert!(!torn.is(7) && !torn.is(other));
    }
}

#[test]
fn untouched_memory_is_no_message() {
    let untouched = Message::<1>::default();
    assert!((0..1000).all(|number| !untouched.is(number)) && !untouched.is(STOP));
}

#[test]
fn the_first_wrong_one_of_a_batch_is_found() {
    let sound: Vec<Message<8>> = (100..164).map(Message::numbered).collect();
    assert_eq!(Message::first_wrong(&sound, 100), None);
    assert_eq!(Message::first_wrong(&sound, 101), Some(0));
    assert_eq!(Message::<8>::first_wrong(&[], 5), None);
    for place in 0..sound.len() {
        let mut broken = sound.clone();
        broken[place].words_mut()[7] ^= 1;
        assert_eq!(Message::first_wrong(&broken, 100), Some(place));
    }
    let mut lost = sound.clone();
    lost.remove(40);
    assert_eq!(Message::first_wrong(&lost, 100), Some(40), "a lost message");
    let mut doubled = sound;
    doubled.insert(10, doubled[10]);
    assert_eq!(Message::first_wrong(&doubled, 100), Some(11), "a message that came twice");
}

/// A receiver of a batch that is there.
struct Ready(Vec<Message<8>>);

impl Receiver<8> for Ready {
    fn receive(&mut self, _: &mut Message<8>) -> Result<()> {
        unreachable!("it is asked for batches only")
    }

    fn receive_batch(&mut self, messages: &mut [Message<8>]) -> Result<usize> {
        messages[..self.0.len()].copy_from_slice(&self.0);
        Ok(self.0.len())
    }
}

#[test]
fn a_batch_is_due_or_ends_the_stream_or_is_wrong() {
    let check = |numbers: &[u64]| {
        let mut ready = Ready(numbers.iter().map(|number| Message::numbered(*number)).collect());
        ready.check_batch("test", 7, &mut [Message::default(); 8])
    };
    assert_eq!(check(&[7, 8, 9]).unwrap(), (3, Arrival::Due));
    assert_eq!(check(&[7, 8, STOP]).unwrap(), (2, Arrival::Stop));
    assert_eq!(check(&[STOP]).unwrap(), (0, Arrival::Stop));
    for (numbers, place) in [(&[7, 9][..], 8), (&[8], 7), (&[7, STOP, 8], 8), (&[7, STOP, STOP], 8)] {
        let error = check(numbers).unwrap_err();
        assert!(matches!(*error, Error::Corrupt { index, .. } if index == place), "{numbers:?}: {error}");
    }
}
