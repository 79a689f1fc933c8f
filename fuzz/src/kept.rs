//! What is made once and used by many executions: to create a segment, to map it and to build its walls takes a hundred times as long as
//! what is to be tried with it.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use rondel::segment::Segment;

use crate::hostile::Scribbler;
use crate::wall::walled;

/// What tells the things of one type apart.
pub type Key = [usize; 4];

thread_local! {
    static KEPT: RefCell<HashMap<(TypeId, Key), Rc<dyn Any>>> = RefCell::new(HashMap::new());
}

/// The thing of this type with this key, made by `make` where it is asked for first.
///
/// # Panics
///
/// If `make` does, or if it asks for something that is kept.
pub fn kept<K: 'static>(key: Key, make: impl FnOnce() -> K) -> Rc<K> {
    let of = |kept: &Rc<dyn Any>| Rc::clone(kept).downcast().expect("of this type");
    KEPT.with_borrow_mut(|all| of(all.entry((TypeId::of::<K>(), key)).or_insert_with(|| Rc::new(make()))))
}

/// A ring in an anonymous segment between walls, and a second mapping of the segment.
pub struct Stage<R> {
    ring: R,
    /// The other mapping, for whoever writes what he likes.
    pub scribbler: Scribbler,
    /// The segment as it was made.
    blank: Vec<u64>,
}

impl<R: Clone> Stage<R> {
    /// Sets the stage for a ring: `create` it, and `attach` to it from its descriptor.
    ///
    /// # Panics
    ///
    /// If it cannot be attached to, or the walls do not stand.
    pub fn new(
        create: impl FnOnce() -> R,
        segment: fn(&R) -> &Arc<Segment>,
        attach: impl FnOnce(&Segment) -> R,
    ) -> Self {
        // Its length is only known once there is one.
        let model = create();
        let scribbler = Scribbler::new(segment(&model));
        let (ring, walls) = walled(|| attach(segment(&model)));
        assert!(walls.check(), "the walls are not where the mapping is");
        let blank = scribbler.words();
        Stage { ring, scribbler, blank }
    }

    /// The ring as if nobody had ever used it. There must be no handle of it any more.
    pub fn ring(&self) -> R {
        self.scribbler.restore(&self.blank);
        self.scribbler.remember();
        self.ring.clone()
    }
}
