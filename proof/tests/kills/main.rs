//! A bounded sample of the kills at every instruction, and the tool that carries them out.

mod interrupted;
mod refused;
mod sample;
mod tool;
