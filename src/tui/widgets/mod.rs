//! Small things that screens are made of. Each draws into a [`Canvas`](super::canvas::Canvas) and knows no model.

pub mod big_text;
pub mod braille;
pub mod histogram;
pub mod meter;
