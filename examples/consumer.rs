//! Pops the prices that `producer` pushes, and says when that one goes and comes.
//!
//! ```console
//! cargo run --example consumer
//! ```

use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

use rondel::spsc::{PopTimeoutError, Ring};

/// The same as the producer's.
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Price {
    number: u64,
    instrument: u32,
    cents: i32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let ring = Ring::<Price>::builder().capacity(4096).schema(0x7072_6963_6501).create_or_attach("example-prices")?;
    let mut rx = ring.consumer()?;
    println!("going on at price {}; the producer is {:?}", rx.position(), rx.peer()?);
    loop {
        match rx.pop_timeout(Duration::from_secs(1)) {
            Ok(price) if price.number % 1000 == 0 => println!("{price:?}"),
            Ok(_) => {}
            Err(PopTimeoutError::Timeout) => println!("nothing for a second"),
            // Neither is final: a successor may attach, and this handle works on.
            Err(gone @ (PopTimeoutError::Closed | PopTimeoutError::Dead)) => {
                println!("{gone}; waiting for another");
                sleep(Duration::from_millis(500));
            }
            Err(failed) => return Err(failed.into()),
        }
    }
}
