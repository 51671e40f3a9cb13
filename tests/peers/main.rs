//! Whole peers, over loopback, driven through their sockets as people drive them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod jam;
mod socket;
mod support;
