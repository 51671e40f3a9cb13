//! Opening an input only to see how loud it is.
//!
//! World: worker; the closures made here run in the card's callback and only call into `input_watch`.

use std::sync::mpsc::SyncSender;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{ErrorKind, FromSample, I24, SampleFormat, SizedSample};

use super::{EndPlan, trouble};
use crate::audio::device::CardTrouble;
use crate::audio::device::input_watch::{PeakCallback, PeakReader};

/// An input that is open to be seen. Its drop closes it.
pub(in crate::audio::device) enum Watching {
    Stream(#[expect(dead_code, reason = "held to be dropped")] cpal::Stream),
    #[cfg(feature = "jack")]
    Jack(#[expect(dead_code, reason = "held to be dropped")] super::jack_watch::JackWatch),
}

/// Opens and starts it. `ended` is told once, if it stops by itself.
///
/// # Errors
/// [`CardTrouble`] by remedy.
pub(in crate::audio::device) fn watch_input(
    plan: EndPlan,
    client_name: &str,
    ended: SyncSender<CardTrouble>,
) -> Result<(Watching, PeakReader), CardTrouble> {
    #[cfg(feature = "jack")]
    if plan.jack {
        let (watch, reader) = super::jack_watch::JackWatch::start(client_name, ended)?;
        return Ok((Watching::Jack(watch), reader));
    }
    #[cfg(not(feature = "jack"))]
    let _ = client_name;
    let (callback, reader) = PeakCallback::new(usize::from(plan.config.channels));
    let stream = of_format!(plan, stream(&plan, callback, ended));
    let stream = stream.map_err(|e| trouble(&e))?;
    stream.play().map_err(|e| trouble(&e))?;
    Ok((Watching::Stream(stream), reader))
}

fn stream<S>(
    plan: &EndPlan,
    mut callback: PeakCallback,
    ended: SyncSender<CardTrouble>,
) -> Result<cpal::Stream, cpal::Error>
where
    S: SizedSample,
    f32: FromSample<S>,
{
    plan.device.build_input_stream::<S, _, _>(
        plan.config,
        move |data, _| callback.run(data, f32::from_sample_),
        move |error| match error.kind() {
            ErrorKind::Xrun | ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
            // Full means that it was said before.
            _ => drop(ended.try_send(trouble(&error))),
        },
        None,
    )
}

impl std::fmt::Debug for Watching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stream(_) => "a stream",
            #[cfg(feature = "jack")]
            Self::Jack(_) => "a client of JACK",
        })
    }
}
