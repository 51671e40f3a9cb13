//! Sound: from the card to frames, and from frames to the card. Knows nothing of `net` or `store`.

pub mod capture;
pub mod codec;
pub mod conceal;
pub mod device;
pub mod drift;
pub mod encoder;
pub mod engine;
pub mod howl;
pub mod limiter;
pub mod meter;
pub mod mixer;
pub mod playout;
pub mod playout_stats;
pub mod rate;
pub mod recorder;
pub mod render;
pub mod round_trip;
pub mod rt;
pub mod tap;
pub mod virtual_card;
pub mod wav;
