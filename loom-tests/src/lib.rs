//! Models of the protocols under loom.
