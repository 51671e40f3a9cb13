//! The real-time line: proof that code runs in a device callback, and what may not happen there.
//!
//! World: real-time. An [`RtContext`] is made and dropped by the worker that opens the card.

use std::marker::PhantomData;
use std::time::Duration;

/// Proof that we are inside a device callback. Only [`section`] makes one; it cannot leave it.
///
/// A function that takes `&mut Rt` may run in a callback, so it must not allocate, free, lock,
/// block, log, read a clock or fail. A function that does not take it is not called from one.
#[derive(Debug)]
pub struct Rt<'a> {
    context: &'a mut RtContext,
    not_send: PhantomData<*mut ()>,
}

/// What one callback keeps from call to call.
#[derive(Debug, Default)]
pub struct RtContext {
    blocks: u64,
}

impl RtContext {
    /// Before the first callback.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Rt<'_> {
    /// Callbacks before this one.
    #[must_use]
    pub const fn blocks(&self) -> u64 {
        self.context.blocks
    }
}

/// The only door into a callback's code.
///
/// Denormal numbers are flushed to zero in it. In builds with debug assertions an allocation
/// inside aborts the process.
pub fn section<T>(context: &mut RtContext, block: impl FnOnce(&mut Rt<'_>) -> T) -> T {
    let denormals = flush_denormals();
    let result = assert_no_alloc::assert_no_alloc(|| {
        let result = block(&mut Rt { context, not_send: PhantomData });
        context.blocks += 1;
        result
    });
    restore_denormals(denormals);
    result
}

/// When a block was asked for, on the card's monotonic clock: only differences mean anything.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CardTime(pub Duration);

/// Turns denormals off for this thread; returns the control word as it was.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the floating-point control word has no safe interface")]
fn flush_denormals() -> u64 {
    let mut before = 0_u32;
    // SAFETY: stmxcsr and ldmxcsr only touch the SSE control word and the given four bytes; the
    // bits set (flush-to-zero, denormals-are-zero) change no exception mask.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut before, options(nostack));
        let after = before | 0x8040;
        std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const after, options(nostack));
    }
    u64::from(before)
}

/// Puts the control word back.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the floating-point control word has no safe interface")]
fn restore_denormals(before: u64) {
    let before = before as u32;
    // SAFETY: restores the word that `flush_denormals` read on this thread.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const before, options(nostack)) }
}

/// Turns denormals off for this thread; returns the control word as it was.
#[cfg(target_arch = "aarch64")]
#[expect(unsafe_code, reason = "the floating-point control word has no safe interface")]
fn flush_denormals() -> u64 {
    let before: u64;
    // SAFETY: FPCR is per thread; bit 24 is flush-to-zero.
    unsafe {
        std::arch::asm!("mrs {}, fpcr", out(reg) before);
        std::arch::asm!("msr fpcr, {}", in(reg) before | (1 << 24));
    }
    before
}

/// Puts the control word back.
#[cfg(target_arch = "aarch64")]
#[expect(unsafe_code, reason = "the floating-point control word has no safe interface")]
fn restore_denormals(before: u64) {
    // SAFETY: restores the word that `flush_denormals` read on this thread.
    unsafe { std::arch::asm!("msr fpcr, {}", in(reg) before) }
}

/// Other processors keep their denormals: slower in a fading tail, never wrong.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const fn flush_denormals() -> u64 {
    0
}

/// Nothing to put back.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const fn restore_denormals(_before: u64) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn denormals_are_zero_inside_and_kept_outside() {
        let tiny = black_box(1.0e-30_f32);
        let mut context = RtContext::new();
        let inside = section(&mut context, |_| tiny * black_box(1.0e-10));
        assert_eq!(inside, 0.0);
        assert!(tiny * black_box(1.0e-10) > 0.0);
    }
}
