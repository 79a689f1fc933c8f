//! Pushes a price every millisecond. Run it beside `consumer`, in either order; kill either and start it again.
//!
//! ```console
//! cargo run --example producer
//! ```

use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

use rondel::spsc::Ring;

/// What travels: plain data, every bit pattern a value, no padding.
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Price {
    number: u64,
    instrument: u32,
    cents: i32,
}

fn main() -> Result<(), Box<dyn Error>> {
    // The tag stands for the layout of `Price`: whoever attaches with another one is refused.
    let ring = Ring::<Price>::builder().capacity(4096).schema(0x7072_6963_6501).create_or_attach("example-prices")?;
    let mut tx = ring.producer()?;
    println!("going on at price {}; the consumer is {:?}", tx.position(), tx.peer()?);
    loop {
        let number = tx.position();
        tx.push(Price { number, instrument: (number % 7) as u32, cents: 10_000 + (number % 100) as i32 })?;
        sleep(Duration::from_millis(1));
    }
}
