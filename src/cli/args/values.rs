//! What the values of flags may be; what a config key takes is asked of its table.

use std::time::Duration;

use crate::config::keys;
use crate::domain::badge::{Avatar, NameColour};
use crate::domain::sharing::{Field, Shared};
use crate::peer::api::{ACTIONS, Event};

/// Samples without a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawForm {
    /// `f32le`, `s16le` or `s24le`.
    pub sample: String,
    /// Samples per channel a second.
    pub rate_hz: u32,
    /// Channels, interleaved.
    pub channels: u16,
}

pub(super) fn profile(text: &str) -> Result<String, &'static str> {
    crate::paths::profile_name(text)
        .map(str::to_owned)
        .ok_or("a profile's name is 1 to 32 of a-z A-Z 0-9 _ -")
}

/// Takes what the config key takes, so that a flag and the file cannot differ.
pub(super) fn setting(
    key: &'static str,
) -> impl Fn(&str) -> Result<String, String> + Clone + Send + Sync + 'static {
    move |text| {
        let entry = keys::find(key).map_err(|error| error.to_string())?;
        entry.parse(text).map(|_| text.to_owned()).map_err(|allowed| format!("takes {allowed}"))
    }
}

/// `500ms`, `30s`, `2m`, `1h`; a bare number is seconds. At most a day, so that no sum overflows.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    const SAYS: &str = "a time is a number with ms, s, m or h, at most 24h";
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds_a_unit = match unit {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(SAYS),
    };
    let seconds = number.parse::<f64>().map_err(|_| SAYS)? * seconds_a_unit;
    if (0.0..=86_400.0).contains(&seconds) { Ok(Duration::from_secs_f64(seconds)) } else { Err(SAYS) }
}

pub(super) fn pitch(text: &str) -> Result<f32, &'static str> {
    const SAYS: &str = "a pitch is 20 to 20000 Hz";
    text.parse().ok().filter(|hz| (20.0..=20_000.0).contains(hz)).ok_or(SAYS)
}

pub(super) fn ppm(text: &str) -> Result<f64, &'static str> {
    const SAYS: &str = "a clock's error is -10000 to 10000 ppm";
    text.parse().ok().filter(|ppm| (-10_000.0..=10_000.0).contains(ppm)).ok_or(SAYS)
}

pub(super) fn raw_form(text: &str) -> Result<RawForm, &'static str> {
    const SAYS: &str =
        "samples are f32le, s16le or s24le, then the rate (8000 to 192000), then 1 or 2: f32le,48000,1";
    let [sample, rate, channels] = text.split(',').collect::<Vec<_>>()[..] else { return Err(SAYS) };
    if !["f32le", "s16le", "s24le"].contains(&sample) {
        return Err(SAYS);
    }
    let rate_hz = rate.parse().ok().filter(|rate| (8_000..=192_000).contains(rate)).ok_or(SAYS)?;
    let channels = channels.parse().ok().filter(|channels| (1..=2).contains(channels)).ok_or(SAYS)?;
    Ok(RawForm { sample: sample.to_owned(), rate_hz, channels })
}

pub(super) fn colour(text: &str) -> Result<String, String> {
    if text == "none" || text.is_empty() || NameColour::parse(text).is_some() {
        return Ok(text.to_owned());
    }
    Err(format!("takes {} or none", NameColour::words()))
}

pub(super) fn avatar(text: &str) -> Result<String, String> {
    if !text.trim().is_empty() {
        Avatar::parse(text).map_err(|error| error.to_string())?;
    }
    Ok(text.to_owned())
}

pub(super) fn share(text: &str) -> Result<String, String> {
    let fields = || Field::ALL.iter().map(|field| field.as_str());
    Shared::parse(text).map(|_| text.to_owned()).map_err(|word| {
        let hint = nearest(fields(), word).map_or_else(String::new, |name| format!(", did you mean {name}?"));
        let fields = fields().collect::<Vec<_>>().join(", ");
        format!("takes all, none, or some of {fields} with commas{hint}")
    })
}

/// The nearest of `names`, for "did you mean".
pub(crate) fn nearest<'a>(names: impl Iterator<Item = &'a str>, typed: &str) -> Option<&'a str> {
    names
        .map(|name| (strsim::jaro_winkler(name, typed), name))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

pub(crate) fn action_name(text: &str) -> Result<String, String> {
    let names = || ACTIONS.iter().map(|action| action.name);
    if text == "-" || names().any(|name| name == text) {
        return Ok(text.to_owned());
    }
    let hint = nearest(names(), text).map_or_else(String::new, |name| format!(", did you mean {name}?"));
    Err(format!("there is no such action{hint} (`jamtty help actions` lists all)"))
}

pub(super) fn event_name(text: &str) -> Result<String, String> {
    if Event::NAMES.contains(&text) {
        return Ok(text.to_owned());
    }
    let hint = nearest(Event::NAMES.iter().copied(), text);
    let hint = hint.map_or_else(String::new, |name| format!(", did you mean {name}?"));
    Err(format!("there is no such event{hint} (there are {})", Event::NAMES.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_write_them() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "s", "-1s", "NaN", "inf", "3 days", "25h", "1e300m"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn raw_samples_need_all_three_parts() {
        assert_eq!(raw_form("s16le,44100,2").unwrap().rate_hz, 44_100);
        for bad in ["", "f32le", "f32le,48000", "u8,48000,1", "f32le,0,1", "f32le,48000,9", "f32le,48000,1,1"]
        {
            assert!(raw_form(bad).is_err(), "{bad:?}");
        }
    }
}
