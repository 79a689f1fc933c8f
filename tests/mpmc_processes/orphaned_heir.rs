//! An heir is killed before it has announced itself, and another one takes its place: a rival that has seen the first one dead
//! must not take the message from the second.

use rondel::mpmc::TryPopError;

use crate::place::{FIRST_STAMP, HEAD, NEVER, Shape, is_whole, said};
use crate::scratch::Directory;
use crate::stepped::Stepped;

#[test]
fn what_an_heir_holds_is_not_taken_by_a_rival_that_saw_another_heir_die() {
    let directory = Directory::new("orphaned-heir");
    let ring = directory.create(Shape::new(4, 3));
    let mut tx = ring.producer().expect("free");
    let mut rival = ring.consumer().expect("free");
    tx.push(said(0, 0)).expect("room");
    let mut dead = Stepped::start("guard", &directory, &ring);
    dead.change_of(&ring, HEAD);
    dead.kill();
    // It has made the message its own, and not said yet that it is there.
    let mut heir = Stepped::start("attach-heir", &directory, &ring);
    heir.change_of(&ring, FIRST_STAMP);
    heir.kill();
    // The rival keeps in mind what it has found.
    assert_eq!(rival.recover().expect("intact").to_redeliver, 1);
    let mut heir = ring.consumer().expect("the dead ones' place");
    let guard = heir.pop_guard_timeout(NEVER).expect("the heritage");
    assert_eq!((*guard, guard.is_redelivered()), (said(0, 0), true));
    assert_eq!(rival.try_pop(), Err(TryPopError::Empty), "it is being processed by somebody who lives");
    drop(guard);
    assert_eq!(rival.try_pop(), Err(TryPopError::Empty));
    drop((heir, rival, tx));
    is_whole(&ring);
}
