//! The running peer: one pure `update`, effects around it, and the local socket.

pub mod api;
pub mod effects;
pub mod message;
pub mod model;
pub mod run;
pub mod socket;
pub mod update;
