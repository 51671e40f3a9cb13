//! Peers: finding them, the control path, the media path. Knows nothing of `audio` or `store`.

pub mod directory;
pub mod interfaces;
pub mod media;
pub mod swarm;
