//! The running peer: one pure `update`, effects around it, and the local socket.
//!
//! Reading order: `api` (what clients say and hear), `message` (what comes in, what goes out),
//! `model` (what is known), `update` (what is decided), `effects` (what is done), `socket`, `run`.

pub mod api;
mod effects;
pub mod message;
pub mod model;
pub mod run;
pub mod socket;
pub mod update;
