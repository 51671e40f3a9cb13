//! The one folder that names cpal: which cards there are (`find`), and opening one end of one (`open`; JACK's two
//! ends together: `jack_client`; what is only metered: `watch` and `jack_watch`).
//!
//! World: worker. The callbacks it builds call [`super::callback`] and nothing else.

/// Calls a function of the sample type that a card has.
macro_rules! of_format {
    ($plan:ident, $function:ident($($argument:expr),*)) => {
        match $plan.format {
            SampleFormat::F32 => $function::<f32>($($argument),*),
            SampleFormat::I32 => $function::<i32>($($argument),*),
            SampleFormat::I24 => $function::<I24>($($argument),*),
            SampleFormat::I16 => $function::<i16>($($argument),*),
            SampleFormat::F64 => $function::<f64>($($argument),*),
            SampleFormat::U8 => $function::<u8>($($argument),*),
            other => return Err(CardTrouble::Unsupported(format!("samples as {other}"))),
        }
    };
}

mod find;
#[cfg(feature = "jack")]
mod jack_client;
#[cfg(feature = "jack")]
mod jack_watch;
mod open;
mod watch;

use cpal::traits::StreamTrait;
use cpal::{BufferSize, ErrorKind, HostId, SampleFormat, StreamConfig};

pub use find::list_cards;
pub(super) use find::plan;
#[cfg(feature = "jack")]
pub(super) use jack_client::JackClient;
pub(super) use open::{Opening, open_input, open_output};
pub(super) use watch::{Watching, watch_input};

/// A build without JACK has nothing for two ends to share.
#[cfg(not(feature = "jack"))]
pub(super) type JackClient = ();

use super::callback::EndFormat;
use super::{CardEnd, CardTrouble, InputChannels};

/// Which end of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Input,
    Output,
}

/// What is asked of one end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EndWish {
    pub(super) host: Option<String>,
    pub(super) name: Option<String>,
    pub(super) channels: InputChannels,
    pub(super) period: Option<u32>,
}

/// One end that can be opened now.
#[derive(Clone)]
pub(super) struct EndPlan {
    device: cpal::Device,
    config: StreamConfig,
    format: SampleFormat,
    raise: bool,
    /// One of JACK's.
    #[cfg(feature = "jack")]
    jack: bool,
    end: CardEnd,
    channels: InputChannels,
    /// Other rates to try, nearest last, and the block to begin with at each.
    rates_hz: Vec<u32>,
    period: u32,
}

/// One end that is open. Its drop closes it, which may take a while, and sends the side home.
pub(super) struct OpenEnd {
    held: Held,
    pub(super) end: CardEnd,
}

/// What keeps an end open.
enum Held {
    Stream(cpal::Stream),
    #[cfg(feature = "jack")]
    Jack(#[expect(dead_code, reason = "held to be dropped")] jack_client::JackEnd),
}

/// An open end that stopped by itself.
#[derive(Debug)]
pub(super) struct EndFailure {
    pub(super) direction: Direction,
    /// Which opening: an older one's last words are not the new one's.
    pub(super) generation: u64,
    pub(super) trouble: CardTrouble,
}

impl EndPlan {
    /// The end in words, for messages.
    pub(super) fn what(&self) -> String {
        format!("{} ({})", self.end.name, self.end.id)
    }

    /// The same with the next longer block, then with the next rate; `None` after the last. What a card
    /// offers is for all its rates together: the block may not fit the rate we chose.
    pub(super) fn other(&self) -> Option<Self> {
        let BufferSize::Fixed(period) = self.config.buffer_size else { return None };
        let mut other = self.clone();
        let next = match PERIODS.into_iter().find(|longer| *longer > period) {
            Some(longer) => longer,
            None => {
                other.config.sample_rate = other.rates_hz.pop()?;
                other.end.rate_hz = other.config.sample_rate;
                other.period
            }
        };
        other.config.buffer_size = BufferSize::Fixed(next);
        other.end.period = next;
        Some(other)
    }

    fn format(&self) -> EndFormat {
        let channels = usize::from(self.config.channels);
        EndFormat { rate_hz: self.config.sample_rate, channels, raise: self.raise }
    }
}

fn trouble(error: &cpal::Error) -> CardTrouble {
    let words = || error.to_string().trim_end_matches('.').to_owned();
    match error.kind() {
        ErrorKind::DeviceBusy => CardTrouble::Busy,
        ErrorKind::DeviceNotAvailable => CardTrouble::Gone(words()),
        ErrorKind::StreamInvalidated => CardTrouble::Changed(words()),
        ErrorKind::HostUnavailable => CardTrouble::NoServer,
        ErrorKind::PermissionDenied => CardTrouble::Denied,
        ErrorKind::UnsupportedConfig | ErrorKind::UnsupportedOperation | ErrorKind::InvalidInput => {
            CardTrouble::Unsupported(words())
        }
        _ => CardTrouble::Other(words()),
    }
}

fn is_jack(id: HostId) -> bool {
    id.name().eq_ignore_ascii_case("jack")
}

fn is_alsa(id: HostId) -> bool {
    id.name().eq_ignore_ascii_case("alsa")
}

/// ALSA's names that lead straight to hardware: a callback that is raised there cannot spin or wait
/// for a server's thread of lower priority. Source: cpal's own list of types it would raise.
fn is_direct(pcm: &str) -> bool {
    ["hw:", "plughw:", "front:", "iec958:", "hdmi:"].iter().any(|prefix| pcm.starts_with(prefix))
}

/// ALSA's names that are filters and not cards, and `null`, which takes a block the moment it is given
/// one: no clock, all of a core.
fn is_no_card(pcm: &str) -> bool {
    const NAMES: [&str; 9] =
        ["null", "lavrate", "samplerate", "speexrate", "speex", "upmix", "vdownmix", "a52", "oss"];
    NAMES.contains(&pcm)
}

/// libasound writes what it thinks to the terminal of whoever asks; from this thread it goes to a buffer that
/// is emptied here.
#[cfg(target_os = "linux")]
fn quiet() {
    // Refused only without memory for the buffer; then it complains as it likes.
    let _ = alsa::Output::local_error_handler();
}

#[cfg(not(target_os = "linux"))]
const fn quiet() {}

/// Blocks tried one after the other where a card refuses the one before.
const PERIODS: [u32; 6] = [64, 128, 256, 512, 1_024, 2_048];

impl std::fmt::Debug for EndPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndPlan").field("end", &self.end).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for OpenEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let period = match &self.held {
            Held::Stream(stream) => stream.buffer_size().ok(),
            #[cfg(feature = "jack")]
            Held::Jack(_) => Some(self.end.period),
        };
        f.debug_struct("OpenEnd").field("end", &self.end).field("period", &period).finish()
    }
}
