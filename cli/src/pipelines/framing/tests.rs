use super::*;

/// Everything that becomes of an input that comes in pieces of these lengths, over and over: the records, and how it ended.
fn cut(framing: Framing, largest: usize, input: &[u8], pieces: &[usize]) -> (Vec<Vec<u8>>, Result<(), Unfit>) {
    let mut cutter = Cutter::new(framing, largest);
    let (mut records, mut held, mut rest_of_input) = (Vec::new(), Vec::new(), input);
    for piece in pieces.iter().cycle() {
        let (piece, later) = rest_of_input.split_at((*piece).min(rest_of_input.len()));
        rest_of_input = later;
        held.extend_from_slice(piece);
        let mut found = cutter.records(&held);
        for record in found.by_ref() {
            match record {
                Ok(record) => records.push(record.to_vec()),
                Err(unfit) => return (records, Err(unfit)),
            }
        }
        let rest = found.rest().to_vec();
        if let Err(unfit) = cutter.check_rest(&rest) {
            return (records, Err(unfit));
        }
        held = rest;
        if rest_of_input.is_empty() {
            break;
        }
    }
    let last = cutter.last(&held).map(|last| records.extend(last.map(<[u8]>::to_vec)));
    (records, last)
}

/// As [`cut`], and the same whatever the pieces.
fn cut_anyhow(framing: Framing, largest: usize, input: &[u8]) -> (Vec<Vec<u8>>, Result<(), Unfit>) {
    let whole = cut(framing, largest, input, &[usize::MAX]);
    for pieces in [&[1][..], &[2], &[3, 1], &[5, 1, 1, 8], &[64]] {
        assert_eq!(cut(framing, largest, input, pieces), whole, "{framing:?} in pieces of {pieces:?}");
    }
    whole
}

fn frame(payload: &[u8]) -> Vec<u8> {
    [&u32::try_from(payload.len()).expect("short").to_le_bytes()[..], payload].concat()
}

const LINES: Framing = Framing::Delimited(b'\n');

#[test]
fn a_record_has_its_delimiter_and_an_empty_line_is_one_too() {
    let (records, end) = cut_anyhow(LINES, 8, b"one\n\n\0two\n");
    assert_eq!(records, [&b"one\n"[..], b"\n", b"\0two\n"]);
    assert_eq!(end, Ok(()));
    let (records, end) = cut_anyhow(Framing::Delimited(0), 8, b"one\n\0\0");
    assert_eq!(records, [&b"one\n\0"[..], b"\0"]);
    assert_eq!(end, Ok(()));
}

#[test]
fn a_last_line_without_a_newline_stays_without() {
    assert_eq!(cut_anyhow(LINES, 8, b"one\ntwo"), (vec![b"one\n".to_vec(), b"two".to_vec()], Ok(())));
    assert_eq!(cut_anyhow(LINES, 8, b""), (vec![], Ok(())));
}

#[test]
fn frames_keep_what_would_delimit_and_may_be_empty() {
    let frames = [frame(b"a\nb\0"), frame(b""), frame(&[0xff; 12])];
    assert_eq!(cut_anyhow(Framing::Frames, 16, &frames.concat()), (frames.to_vec(), Ok(())));
}

#[test]
fn a_frame_that_the_input_cuts_off_is_no_record() {
    let input = [frame(b"whole"), frame(b"cut")].concat();
    let (records, end) = cut_anyhow(Framing::Frames, 16, &input[..input.len() - 1]);
    assert_eq!((records, end), (vec![frame(b"whole")], Err(Unfit::FrameCut { read: 6, len: 7 })));
    let (records, end) = cut_anyhow(Framing::Frames, 16, &input[..frame(b"whole").len() + 3]);
    assert_eq!((records, end), (vec![frame(b"whole")], Err(Unfit::HeaderCut { read: 3 })));
}

#[test]
fn the_longest_record_is_taken_and_one_byte_more_is_not() {
    assert_eq!(cut_anyhow(LINES, 4, b"abc\nabcd").1, Ok(()));
    assert_eq!(cut_anyhow(Framing::Frames, 8, &frame(b"abcd")).1, Ok(()));
    let whole = cut(LINES, 4, b"a\nabcd\nb\n", &[100]);
    assert_eq!(whole, (vec![b"a\n".to_vec()], Err(Unfit::TooLong { len: 5, largest: 4 })));
    let whole = cut(Framing::Frames, 8, &[frame(b"a"), frame(b"abcde")].concat(), &[100]);
    assert_eq!(whole, (vec![frame(b"a")], Err(Unfit::TooLong { len: 9, largest: 8 })));
}

#[test]
fn a_record_that_cannot_fit_any_more_is_refused_before_it_ends() {
    assert_eq!(
        cut(LINES, 4, b"a\nabcdefgh", &[1]),
        (vec![b"a\n".to_vec()], Err(Unfit::Endless { read: 5, largest: 4 }))
    );
    // A frame tells its length, of which nothing has to be there.
    let header = &frame(&[0; 100])[..HEADER];
    assert_eq!(cut(Framing::Frames, 8, header, &[1]), (vec![], Err(Unfit::TooLong { len: 104, largest: 8 })));
}

#[test]
fn a_frame_of_the_greatest_length_that_a_header_can_tell_is_only_too_long() {
    let (records, end) = cut_anyhow(Framing::Frames, 100, &[0xff; 4]);
    assert_eq!((records.len(), end), (0, Err(Unfit::TooLong { len: 4 + u32::MAX as usize, largest: 100 })));
}

#[test]
fn every_refusal_names_both_lengths() {
    for (unfit, lengths) in [
        (Unfit::TooLong { len: 70, largest: 60 }, ["70", "60"]),
        (Unfit::Endless { read: 70, largest: 60 }, ["70", "60"]),
        (Unfit::HeaderCut { read: 3 }, ["3", "4"]),
        (Unfit::FrameCut { read: 6, len: 7 }, ["6", "7"]),
    ] {
        let told = unfit.to_string();
        assert!(lengths.iter().all(|len| told.contains(len)), "{told}");
    }
}
