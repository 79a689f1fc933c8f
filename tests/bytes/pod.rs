//! Values of plain data as messages.

use bytemuck::{Pod, Zeroable};
use rondel::bytes::{PodError, TryPushError, pair};
use std::io::Read;

#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Trade {
    price: f64,
    quantity: u32,
    venue: [u8; 4],
}

/// Aligned to more than a message is.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
struct Wide([u64; 8]);

fn trade(number: u32) -> Trade {
    Trade { price: f64::from(number) / 4.0, quantity: number, venue: number.to_be_bytes() }
}

/// Over several laps, with others between them, so that each offset comes up.
#[test]
fn values_come_out_as_they_went_in() {
    let (mut tx, mut rx) = pair(500).expect("a ring");
    for number in 0..200 {
        tx.push_pod(&trade(number)).expect("room");
        tx.push_pod(&number).expect("room");
        tx.try_push_pod(&Wide([number.into(); 8])).expect("room");
        tx.push_pod(&[number as u8; 3]).expect("room");

        let message = rx.pop().expect("pushed");
        assert_eq!(message.len(), 16);
        assert_eq!(message.as_pod::<Trade>(), Ok(&trade(number)));
        assert_eq!(message.read_pod::<Trade>(), Ok(trade(number)));
        assert_eq!(message.as_pod::<[u8; 16]>().map(|bytes| &bytes[..]), Ok(&message[..]));
        drop(message);
        assert_eq!(rx.pop().expect("pushed").as_pod::<u32>(), Ok(&number));
        assert_eq!(rx.pop().expect("pushed").read_pod::<Wide>(), Ok(Wide([number.into(); 8])));
        assert_eq!(rx.pop().expect("pushed").as_pod::<[u8; 3]>(), Ok(&[number as u8; 3]));
    }
}

#[test]
fn another_length_is_told_with_both_figures() {
    let (mut tx, mut rx) = pair(500).expect("a ring");
    for len in [0, 1, 15, 17, 32] {
        tx.push(&vec![0; len]).expect("room");
        let message = rx.pop().expect("pushed");
        let error = PodError::Length { expected: 16, found: len };
        assert_eq!(message.as_pod::<Trade>(), Err(error));
        assert_eq!(message.read_pod::<Trade>(), Err(error));
        let text = error.to_string();
        assert!(text.contains("16") && text.contains(&len.to_string()), "{text}");
    }
    tx.push(&[]).expect("room");
    assert_eq!(rx.pop().expect("pushed").as_pod::<()>(), Ok(&()), "nothing is a value, too");
}

/// The rest of a message that was begun as a stream lies where it lies.
#[test]
fn what_is_left_of_a_message_may_lie_badly() {
    let (mut tx, mut rx) = pair(500).expect("a ring");
    for read in 1..=16 {
        tx.push(&vec![5; 16 + read]).expect("room");
        rx.read_exact(&mut vec![0; read]).expect("pushed");
        let message = rx.pop().expect("the rest");
        assert_eq!(message.len(), 16);
        let in_place = message.as_pod::<[u64; 2]>();
        if read % 8 == 0 {
            assert_eq!(in_place, Ok(&[0x0505_0505_0505_0505; 2]));
        } else {
            let error = PodError::Alignment { expected: 8, read };
            assert_eq!(in_place, Err(error));
            assert!(error.to_string().contains(&read.to_string()), "{error}");
        }
        assert_eq!(message.read_pod::<[u64; 2]>(), Ok([0x0505_0505_0505_0505; 2]));
        assert_eq!(message.as_pod::<[u8; 16]>(), Ok(&[5; 16]), "bytes lie anywhere");
    }
}

#[test]
fn a_value_may_find_no_room() {
    let (mut tx, mut rx) = pair(40).expect("a ring");
    let mut pushed = 0;
    while tx.try_push_pod(&trade(pushed)).is_ok() {
        pushed += 1;
    }
    assert!(pushed >= 1);
    assert_eq!(tx.try_push_pod(&trade(pushed)), Err(TryPushError::Full));
    for number in 0..pushed {
        assert_eq!(rx.try_pop().expect("pushed").as_pod::<Trade>(), Ok(&trade(number)));
    }
}
