//! The check of a message finds whatever can be wrong with one.

use rondel_baselines::{Error, Message, STOP};

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
