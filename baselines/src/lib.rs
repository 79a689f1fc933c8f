//! Every kernel transport behind one trait.
