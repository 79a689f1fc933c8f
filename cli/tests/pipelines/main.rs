//! `rondel send` and `rondel recv` as their users run them: between real processes, in real pipelines.

#[path = "../../../tests/shared/leftovers.rs"]
mod leftovers;

mod joined;
mod killed;
mod lifecycle;
mod refused;
mod scratch;
mod signalled;
mod text;
mod whole;
