//! Finding cards and planning how one end is opened, without touching the engine.
//!
//! World: worker.

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{
    BufferSize, Host, HostId, SampleFormat, StreamConfig, SupportedBufferSize, SupportedStreamConfigRange,
};

use super::{Direction, EndPlan, EndWish, is_alsa, is_direct, is_jack, is_no_card, quiet, trouble};
use crate::audio::device::choice::{is_numbered, pick};
use crate::audio::device::{CardEnd, CardError, CardListing, CardTrouble, InputChannels};
use crate::domain::time::RATE_HZ;

/// Every card of every sound system of this build, with stable names.
///
/// World: worker; asks each card, so it takes up to a second. A card that another program holds may
/// be missing.
#[must_use]
pub fn list_cards() -> Vec<CardListing> {
    quiet();
    let hosts = cpal::ALL_HOSTS.iter().filter_map(|id| cpal::host_from_id(*id).ok());
    hosts.flat_map(|host| list_host(&host)).collect()
}

fn list_host(host: &Host) -> Vec<CardListing> {
    let id = |device: Option<cpal::Device>| device.and_then(|device| device.id().ok());
    let (input, output) = (id(host.default_input_device()), id(host.default_output_device()));
    let Ok(devices) = host.devices() else { return Vec::new() };
    devices
        .filter_map(|device| {
            let id = device.id().ok()?;
            if is_no_card(id.id()) || is_numbered(&id.to_string()) {
                return None;
            }
            let inputs: Vec<_> = device.supported_input_configs().into_iter().flatten().collect();
            let outputs: Vec<_> = device.supported_output_configs().into_iter().flatten().collect();
            let most = |ranges: &[SupportedStreamConfigRange]| {
                ranges.iter().map(SupportedStreamConfigRange::channels).max().unwrap_or(0)
            };
            let (input_count, output_count) = match id.host() {
                host if is_jack(host) => (2 * most(&inputs).min(1), 2 * most(&outputs).min(1)),
                _ => (most(&inputs), most(&outputs)),
            };
            let (input_count, output_count) = match id.id() {
                // Both of JACK's ends answer for both directions; each has one.
                "input" if is_jack(id.host()) => (input_count, 0),
                "output" if is_jack(id.host()) => (0, output_count),
                _ => (input_count, output_count),
            };
            let both = || inputs.iter().chain(&outputs);
            let rates = RATES_HZ.into_iter().filter(|rate| both().any(|range| range.contains_rate(*rate)));
            (input_count + output_count > 0).then(|| CardListing {
                id: id.to_string(),
                host: id.host().to_string(),
                name: device.to_string(),
                inputs: input_count,
                outputs: output_count,
                rates_hz: rates.collect(),
                default_input: input.as_ref() == Some(&id),
                default_output: output.as_ref() == Some(&id),
            })
        })
        .collect()
}

/// Finds one end and how it is to be opened, without the engine's side: the side stays where it is
/// until there is a card for it.
///
/// # Errors
/// [`CardError`] in words, by remedy.
pub(in crate::audio::device) fn plan(wish: &EndWish, direction: Direction) -> Result<EndPlan, CardError> {
    quiet();
    let what = wish.what(direction);
    let hosts = hosts(wish.host.as_deref()).map_err(|trouble| CardError { what: what.clone(), trouble })?;
    let mut last = None;
    for id in &hosts {
        match plan_on(*id, wish, direction) {
            Ok(plan) => return Ok(plan),
            // A name nobody on this host has may be on the next one.
            Err(trouble) => last = Some(worse(last, trouble)),
        }
    }
    let trouble = match last {
        Some(CardTrouble::NoSuchCard { wanted, .. }) if wanted.starts_with("jack:") => CardTrouble::NoServer,
        // A fully qualified name that is not there now is a card that is away.
        Some(CardTrouble::NoSuchCard { wanted, .. }) if is_whole_name(&wanted) => {
            CardTrouble::Gone("not plugged in, or held by another program".to_owned())
        }
        Some(trouble) => trouble,
        None => CardTrouble::NoCards,
    };
    Err(CardError { what, trouble })
}

impl EndWish {
    /// The end in words, for messages.
    fn what(&self, direction: Direction) -> String {
        let end = match direction {
            Direction::Input => "input",
            Direction::Output => "output",
        };
        match (&self.name, &self.host) {
            (Some(name), _) => format!("the {end} {name}"),
            (None, Some(host)) => format!("the {end} of {host}"),
            (None, None) => format!("the sound {end}"),
        }
    }
}

/// Of two reasons the one that helps more.
fn worse(before: Option<CardTrouble>, now: CardTrouble) -> CardTrouble {
    match (before, now) {
        (
            Some(CardTrouble::NoSuchCard { wanted, nearest, mut there }),
            CardTrouble::NoSuchCard { nearest: other, there: more, .. },
        ) => {
            there.extend(more);
            CardTrouble::NoSuchCard { wanted, nearest: nearest.or(other), there }
        }
        (Some(CardTrouble::NoServer | CardTrouble::NoCards) | None, now) => now,
        (Some(before), CardTrouble::NoServer | CardTrouble::NoCards) => before,
        (Some(before), _) => before,
    }
}

/// The sound systems to ask, in order: the one asked for, or a running JACK server first (it holds the
/// card then), the desktop's servers, then the kernel's.
fn hosts(wanted: Option<&str>) -> Result<Vec<HostId>, CardTrouble> {
    let mut all: Vec<HostId> = cpal::ALL_HOSTS.to_vec();
    all.sort_by_key(|id| !is_jack(*id));
    let Some(wanted) = wanted else { return Ok(all) };
    let known = || all.iter().map(ToString::to_string).collect();
    let found = all.iter().find(|id| id.to_string() == wanted.to_lowercase());
    found
        .map(|id| vec![*id])
        .ok_or_else(|| CardTrouble::NoSuchHost { wanted: wanted.to_owned(), known: known() })
}

fn plan_on(id: HostId, wish: &EndWish, direction: Direction) -> Result<EndPlan, CardTrouble> {
    let host = cpal::host_from_id(id).map_err(|e| trouble(&e))?;
    let absent = || if is_jack(id) { CardTrouble::NoServer } else { CardTrouble::NoCards };
    let Some(name) = &wish.name else {
        let device = match direction {
            Direction::Input => host.default_input_device(),
            Direction::Output => host.default_output_device(),
        };
        let device = device.ok_or_else(absent)?;
        return match configure(id, device, wish, direction) {
            Ok(plan) => Ok(plan),
            // The default of ALSA always has a name, also on a machine without a card.
            Err(CardTrouble::Gone(_)) if is_alsa(id) => first_hardware(id, &host, wish, direction),
            Err(trouble) => Err(trouble),
        };
    };
    let devices: Vec<cpal::Device> = host.devices().map_err(|e| trouble(&e))?.collect();
    let mut fitting: Vec<(cpal::Device, (String, String))> = devices
        .into_iter()
        .filter_map(|device| {
            let id = device.id().ok()?;
            let other_way = is_jack(id.host()) && (id.id() == "input") != (direction == Direction::Input);
            let names = (id.to_string(), device.to_string());
            (!other_way && !is_no_card(id.id())).then_some((device, names))
        })
        .collect();
    if fitting.is_empty() && is_jack(id) && (name.starts_with("jack") || wish.host.is_some()) {
        return Err(CardTrouble::NoServer);
    }
    let names: Vec<(String, String)> = fitting.iter().map(|(_, names)| names.clone()).collect();
    let index = pick(name, &names)?;
    configure(id, fitting.swap_remove(index).0, wish, direction)
}

/// The first card that opens, where the system's default does not.
fn first_hardware(
    id: HostId,
    host: &Host,
    wish: &EndWish,
    direction: Direction,
) -> Result<EndPlan, CardTrouble> {
    let mut last = CardTrouble::NoCards;
    for device in host.devices().map_err(|e| trouble(&e))? {
        let hardware = device.id().is_ok_and(|id| id.id().starts_with("plughw:"));
        if !hardware {
            continue;
        }
        match configure(id, device, wish, direction) {
            Ok(plan) => return Ok(plan),
            Err(trouble) => last = trouble,
        }
    }
    Err(last)
}

/// Chooses rate, channels, sample type and block length from what the card offers.
fn configure(
    host: HostId,
    device: cpal::Device,
    wish: &EndWish,
    direction: Direction,
) -> Result<EndPlan, CardTrouble> {
    let ranges: Vec<SupportedStreamConfigRange> = match direction {
        Direction::Input => device.supported_input_configs().map_err(|e| trouble(&e))?.collect(),
        Direction::Output => device.supported_output_configs().map_err(|e| trouble(&e))?.collect(),
    };
    let needed = match direction {
        Direction::Input => wish.channels.needed(),
        Direction::Output => 2,
    };
    let best = ranges
        .iter()
        .filter_map(|range| Some((rank(range, needed)?, range)))
        .min_by_key(|(rank, _)| *rank)
        .ok_or_else(|| CardTrouble::Unsupported("no rate or sample type we know".to_owned()))?;
    let ((_, _, _, rate_hz), range) = best;
    let channels = range.channels();
    if direction == Direction::Input
        && let InputChannels::Channel(number) = wish.channels
        && channels < number
    {
        return Err(CardTrouble::Unsupported(format!("input {number} of {channels}")));
    }
    let (buffer_size, period) = block(host, range, wish.period);
    let id = device.id().map_err(|e| trouble(&e))?;
    let end = CardEnd {
        name: device.to_string(),
        // JACK names them when they are made.
        ports: Vec::new(),
        rate_hz,
        period,
        channels,
        converter_ms: 0.0,
        id: id.to_string(),
    };
    let config = StreamConfig { channels, sample_rate: rate_hz, buffer_size };
    let raise = is_jack(host) || is_direct(id.id());
    let others = RATES_HZ.into_iter().filter(|rate| *rate != rate_hz && range.contains_rate(*rate));
    Ok(EndPlan {
        device,
        config,
        format: range.sample_format(),
        raise,
        #[cfg(feature = "jack")]
        jack: is_jack(host),
        end,
        channels: wish.channels,
        rates_hz: others.take(RATES_TRIED).collect::<Vec<_>>().into_iter().rev().collect(),
        period,
    })
}

/// How good a range is, smaller is better: enough channels and few of them, a rate near ours, a
/// sample type without conversion; and the rate. `None` if we cannot use it.
fn rank(range: &SupportedStreamConfigRange, needed: u16) -> Option<(u16, usize, usize, u32)> {
    let format = FORMATS.iter().position(|format| *format == range.sample_format())?;
    let (nearness, rate_hz) =
        RATES_HZ.into_iter().enumerate().find(|(_, rate)| range.contains_rate(*rate))?;
    let channels = range.channels();
    let fit = if channels >= needed { channels - needed } else { 1_000 + needed - channels };
    Some((fit, nearness, format, rate_hz))
}

/// The block to ask for. JACK's server decides its own; ALSA's default may be seconds long, so there
/// we always ask, for a power of two within what it offers.
fn block(host: HostId, range: &SupportedStreamConfigRange, wanted: Option<u32>) -> (BufferSize, u32) {
    match *range.buffer_size() {
        SupportedBufferSize::Range { min, .. } if is_jack(host) => (BufferSize::Default, min),
        SupportedBufferSize::Range { min, max } => {
            let period = wanted.unwrap_or(PERIOD_DEFAULT).clamp(min, max.max(min));
            (BufferSize::Fixed(period), period)
        }
        SupportedBufferSize::Unknown => {
            let period = wanted.unwrap_or(PERIOD_DEFAULT);
            (BufferSize::Fixed(period), period)
        }
    }
}

fn is_whole_name(name: &str) -> bool {
    cpal::ALL_HOSTS.iter().any(|id| name.starts_with(&format!("{id}:")))
}

/// Rates in the order we like them: ours, then those whose conversion costs least treble.
const RATES_HZ: [u32; 8] = [RATE_HZ, 96_000, 44_100, 88_200, 192_000, 176_400, 32_000, 16_000];

/// Sample types in the order we like them.
const FORMATS: [SampleFormat; 6] = [
    SampleFormat::F32,
    SampleFormat::I32,
    SampleFormat::I24,
    SampleFormat::I16,
    SampleFormat::F64,
    SampleFormat::U8,
];

/// Samples in a block where nothing was asked for: 2.7 ms, which every USB card of the last ten
/// years keeps up with; 64 is a wish for those who know their machine.
const PERIOD_DEFAULT: u32 = 128;

/// Rates tried after the best one: a card that refuses these too is refused.
const RATES_TRIED: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn range(channels: u16, min_hz: u32, max_hz: u32, format: SampleFormat) -> SupportedStreamConfigRange {
        let buffer = SupportedBufferSize::Range { min: 32, max: 4_096 };
        SupportedStreamConfigRange::new(channels, min_hz, max_hz, buffer, format)
    }

    fn best(needed: u16, ranges: &[SupportedStreamConfigRange]) -> Option<(u16, u32, SampleFormat)> {
        let ranked = ranges.iter().filter_map(|range| Some((rank(range, needed)?, range)));
        let ((_, _, _, rate_hz), range) = ranked.min_by_key(|(rank, _)| *rank)?;
        Some((range.channels(), rate_hz, range.sample_format()))
    }

    #[test]
    fn our_rate_and_just_enough_channels_are_preferred() {
        let ranges = [
            range(8, 44_100, 192_000, SampleFormat::I32),
            range(2, 44_100, 44_100, SampleFormat::F32),
            range(2, 44_100, 96_000, SampleFormat::I16),
            range(2, 44_100, 96_000, SampleFormat::I32),
        ];
        assert_eq!(best(2, &ranges), Some((2, 48_000, SampleFormat::I32)));
        assert_eq!(best(4, &ranges), Some((8, 48_000, SampleFormat::I32)));
        assert_eq!(best(1, &ranges), Some((2, 48_000, SampleFormat::I32)));
        assert_eq!(best(2, &ranges[1..2]), Some((2, 44_100, SampleFormat::F32)));
    }

    #[test]
    fn a_card_with_less_than_asked_for_is_better_than_none() {
        assert_eq!(
            best(2, &[range(1, 48_000, 48_000, SampleFormat::I16)]),
            Some((1, 48_000, SampleFormat::I16))
        );
        assert_eq!(best(2, &[range(2, 48_000, 48_000, SampleFormat::DsdU8)]), None);
        assert_eq!(best(2, &[range(2, 5_512, 8_000, SampleFormat::I16)]), None);
    }

    #[test]
    fn the_block_asked_for_is_kept_within_what_the_card_offers() {
        let card = range(2, 48_000, 48_000, SampleFormat::I32);
        assert_eq!(block(HostId::Alsa, &card, Some(64)), (BufferSize::Fixed(64), 64));
        assert_eq!(block(HostId::Alsa, &card, Some(8)), (BufferSize::Fixed(32), 32));
        assert_eq!(block(HostId::Alsa, &card, None), (BufferSize::Fixed(128), 128));
    }
}
