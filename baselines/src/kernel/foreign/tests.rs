//! What a sender has made is there until it has been read, and who may not read is told so.

use super::*;
use crate::{Cores, duet};
use rustix::process::{DumpableBehavior, Uid, getuid, set_dumpable_behavior};
use rustix::thread::set_thread_res_uid;

#[test]
fn a_sender_that_goes_waits_until_all_has_been_read() {
    for wait in ProcessVmReadv::WAITS {
        let (sending, receiving) = <ProcessVmReadv as Carries<8>>::open(*wait).unwrap();
        let far = move || {
            let mut sender = sending.take()?;
            sender.make_batch(0, &mut [Message::default(); 5])
        };
        let near = move || {
            let mut receiver = receiving.take()?;
            // A sender that does not wait is gone by then; one that does is not hurried.
            std::thread::sleep(std::time::Duration::from_millis(50));
            let mut message = Message::<8>::default();
            for number in 0..5 {
                receiver.receive(&mut message)?;
                message.verify(ProcessVmReadv::NAME, number)?;
            }
            Ok(())
        };
        duet(Scope::Processes, Cores::Anywhere, far, near).unwrap();
    }
}

/// With both ends in one thread nobody reads while the sender waits. Then its memory stays.
#[test]
fn what_a_sender_leaves_that_has_waited_in_vain_can_be_read_later() {
    let (sending, receiving) = <ProcessVmReadv as Carries<128>>::open(Wait::Park).unwrap();
    let (mut sender, mut receiver) = (sending.take().unwrap(), receiving.take().unwrap());
    (0..3).for_each(|number| sender.send(&Message::numbered(number)).unwrap());
    drop(sender);
    // What would lie in memory that had been given back.
    let others = vec![Message::<128>::default(); Slots::depth::<128>()];
    let mut messages = [Message::<128>::default(); 4];
    assert_eq!(receiver.receive_batch(&mut messages).unwrap(), 3);
    assert_eq!(Message::first_wrong(&messages[..3], 0), None);
    let gone = receiver.receive(&mut messages[0]).unwrap_err();
    assert!(matches!(*gone, Error::PeerGone { .. }), "{gone}");
    drop(others);
}

/// The calling process cannot be traced any more by who has no privilege, and has none itself.
fn become_nobody() {
    if getuid().is_root() {
        let nobody = Uid::from_raw(65_534);
        set_thread_res_uid(nobody, nobody, nobody).unwrap();
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable).unwrap();
}

#[test]
fn the_trial_finds_out_that_a_parent_may_not_be_read() {
    let far = || {
        tracing::trial()?;
        become_nobody();
        tracing::trial()
    };
    let refused = duet(Scope::Processes, Cores::Anywhere, far, || Ok(())).unwrap_err().to_string();
    assert!(refused.contains("reading the parent's memory") && refused.contains("os error 1"), "{refused}");
}

#[test]
fn a_refusal_in_the_midst_of_it_says_that_it_is_not_available() {
    let (sending, receiving) = <ProcessVmReadv as Carries<1>>::open(Wait::Park).unwrap();
    // As root it is the receiver that becomes nobody, and cannot read root's memory. Else the sender cannot be read by its equal.
    let by_root = getuid().is_root();
    let far = move || {
        let mut receiver = receiving.take()?;
        if by_root {
            become_nobody();
        }
        receiver.receive(&mut Message::default())
    };
    let near = move || {
        let mut sender = sending.take()?;
        if !by_root {
            set_dumpable_behavior(DumpableBehavior::NotDumpable).unwrap();
        }
        let sent = (0..).try_for_each(|number| sender.send(&Message::numbered(number)));
        if !by_root {
            set_dumpable_behavior(DumpableBehavior::Dumpable).unwrap();
        }
        sent
    };
    let refused = duet::<(), _, _>(Scope::Processes, Cores::Anywhere, far, near).unwrap_err().to_string();
    assert!(refused.contains("process-vm-readv is not available here: process_vm_readv"), "{refused}");
}
