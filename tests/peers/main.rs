//! Whole peers, over loopback, driven through their sockets as people drive them.

mod jam;
mod socket;
mod support;
