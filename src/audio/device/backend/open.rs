//! Opening one end of a card, and hearing when it ends.
//!
//! World: worker; the closures made here run in the card's callback and only call into `callback`.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{ErrorKind, FromSample, I24, SampleFormat, SizedSample, StreamInstant};

#[cfg(feature = "jack")]
use super::jack_client::JackEnd;
use super::{Direction, EndFailure, EndPlan, Held, JackClient, OpenEnd, trouble};
use crate::audio::device::callback::{Homing, InputCallback, OutputCallback};
use crate::audio::device::{Capture, CardEnd, CardTrouble, EndCounters, Render};
use crate::audio::rt::CardTime;

/// Opens an input and starts it. Fails or succeeds, the side is in the stream or on its way home.
///
/// # Errors
/// [`CardTrouble`] by remedy.
pub(in crate::audio::device) fn open_input(
    plan: EndPlan,
    side: Homing<Capture>,
    counters: Arc<EndCounters>,
    opening: Opening,
) -> Result<OpenEnd, CardTrouble> {
    let callback = InputCallback::new(side, &plan.format(), plan.channels, Arc::clone(&counters))
        .map_err(|e| CardTrouble::Unsupported(e.to_string()))?;
    let converter_ms = callback.converter_ms();
    #[cfg(feature = "jack")]
    if plan.jack {
        let (jack, channels) = (opening.jack.clone(), plan.end.channels);
        return Ok(on_jack(plan, jack.open_input(callback, channels, opening, counters)?, converter_ms));
    }
    let errors = opening.listen(counters);
    let stream = of_format!(plan, input(&plan, callback, errors));
    start(plan, stream, converter_ms)
}

/// Opens an output and starts it. Fails or succeeds, the side is in the stream or on its way home.
///
/// # Errors
/// [`CardTrouble`] by remedy.
pub(in crate::audio::device) fn open_output(
    plan: EndPlan,
    side: Homing<Render>,
    counters: Arc<EndCounters>,
    opening: Opening,
) -> Result<OpenEnd, CardTrouble> {
    let callback = OutputCallback::new(side, &plan.format(), Arc::clone(&counters))
        .map_err(|e| CardTrouble::Unsupported(e.to_string()))?;
    let converter_ms = callback.converter_ms();
    #[cfg(feature = "jack")]
    if plan.jack {
        let (jack, channels) = (opening.jack.clone(), plan.end.channels);
        return Ok(on_jack(plan, jack.open_output(callback, channels, opening, counters)?, converter_ms));
    }
    let errors = opening.listen(counters);
    let stream = of_format!(plan, output(&plan, callback, errors));
    start(plan, stream, converter_ms)
}

fn start(
    plan: EndPlan,
    stream: Result<cpal::Stream, cpal::Error>,
    converter_ms: f64,
) -> Result<OpenEnd, CardTrouble> {
    let stream = stream.map_err(|e| trouble(&e))?;
    stream.play().map_err(|e| trouble(&e))?;
    let period = stream.buffer_size().unwrap_or(plan.end.period);
    Ok(OpenEnd { held: Held::Stream(stream), end: CardEnd { period, converter_ms, ..plan.end } })
}

#[cfg(feature = "jack")]
fn on_jack(plan: EndPlan, mut end: JackEnd, converter_ms: f64) -> OpenEnd {
    let (ports, period) = (std::mem::take(&mut end.ports), end.period);
    OpenEnd { held: Held::Jack(end), end: CardEnd { ports, period, converter_ms, ..plan.end } }
}

fn input<S>(
    plan: &EndPlan,
    mut callback: InputCallback,
    errors: impl FnMut(cpal::Error) + Send + 'static,
) -> Result<cpal::Stream, cpal::Error>
where
    S: SizedSample,
    f32: FromSample<S>,
{
    plan.device.build_input_stream::<S, _, _>(
        plan.config,
        move |data, info| callback.run(data, stamp(info.timestamp().callback), f32::from_sample_),
        errors,
        None,
    )
}

fn output<S>(
    plan: &EndPlan,
    mut callback: OutputCallback,
    errors: impl FnMut(cpal::Error) + Send + 'static,
) -> Result<cpal::Stream, cpal::Error>
where
    S: SizedSample + FromSample<f32>,
{
    plan.device.build_output_stream::<S, _, _>(
        plan.config,
        move |data, info| callback.run(data, stamp(info.timestamp().callback), S::from_sample_),
        errors,
        None,
    )
}

fn stamp(instant: StreamInstant) -> CardTime {
    CardTime(Duration::from_nanos(u64::try_from(instant.as_nanos()).unwrap_or(u64::MAX)))
}

/// Who opens an end: where it says that it stopped, and what it has in common with the other end.
#[derive(Clone)]
pub(in crate::audio::device) struct Opening {
    pub(in crate::audio::device) to: SyncSender<EndFailure>,
    pub(in crate::audio::device) direction: Direction,
    pub(in crate::audio::device) generation: u64,
    /// What we are called on a sound server.
    #[cfg_attr(not(feature = "jack"), expect(dead_code, reason = "no server without it"))]
    pub(in crate::audio::device) client_name: Arc<str>,
    #[cfg_attr(not(feature = "jack"), expect(dead_code, reason = "no server without it"))]
    pub(in crate::audio::device) jack: JackClient,
}

impl Opening {
    /// What cpal calls on errors: on the card's own thread under ALSA, so an over- or underrun is
    /// one count, and only what ends the stream anyway is sent.
    fn listen(self, counters: Arc<EndCounters>) -> impl FnMut(cpal::Error) + Send + 'static {
        move |error| match error.kind() {
            ErrorKind::Xrun => counters.count_xrun(),
            ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
            _ => {
                let (direction, generation, trouble) = (self.direction, self.generation, trouble(&error));
                // Full means that it was said before.
                let _ = self.to.try_send(EndFailure { direction, generation, trouble });
            }
        }
    }
}
