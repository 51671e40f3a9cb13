//! The input callback's half of the engine: meter, mic mute, monitor, and the ring to the encoder.
//!
//! World: real-time. Made and dropped by the worker that opens the card.
