//! What other programs read beside the sound: cue marks in a WAV, a project of Reaper, a list of Audacity.

use std::fmt::Write as _;

use crate::domain::take::{Mark, Take};

/// Marks that are written into one WAV or project; programs draw no more.
const MARKS_MAX: usize = 1_000;

/// One exported file and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its name, without any folder.
    pub(super) name: String,
    /// Where it begins in the take, in samples.
    pub(super) at: u64,
    /// Samples per channel.
    pub(super) samples: u64,
}

/// One exported track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lane {
    /// What it is called in the project.
    pub(super) title: String,
    /// Its files, one after the other.
    pub(super) pieces: Vec<Piece>,
}

/// The chunks `cue ` and `LIST adtl` (Microsoft, Multimedia Data Standards Update 1994) of the marks that lie in
/// this piece; empty for none.
pub(super) fn cue_chunks(marks: &[Mark], at: u64, samples: u64) -> Vec<u8> {
    let here = marks.iter().filter(|mark| (at..at + samples).contains(&mark.at)).take(MARKS_MAX);
    let mut points = Vec::new();
    let mut labels = b"adtl".to_vec();
    let mut count: u32 = 0;
    for mark in here {
        count += 1;
        let position = u32::try_from(mark.at - at).unwrap_or(u32::MAX);
        for word in [count, position] {
            points.extend_from_slice(&word.to_le_bytes());
        }
        points.extend_from_slice(b"data\0\0\0\0\0\0\0\0");
        points.extend_from_slice(&position.to_le_bytes());
        let mut label = count.to_le_bytes().to_vec();
        label.extend_from_slice(mark.text.as_bytes());
        label.push(0);
        push_chunk(&mut labels, *b"labl", &label);
    }
    let mut chunks = Vec::new();
    if count > 0 {
        let mut cue = count.to_le_bytes().to_vec();
        cue.extend_from_slice(&points);
        push_chunk(&mut chunks, *b"cue ", &cue);
        push_chunk(&mut chunks, *b"LIST", &labels);
    }
    chunks
}

/// A project of Reaper: a track for each lane, an item for each file, the marks and the tempo.
pub(super) fn reaper(take: &Take, lanes: &[Lane], is_flac: bool) -> String {
    let mut text = String::from("<REAPER_PROJECT 0.1 \"7.0\" 0\n");
    let seconds = |samples: u64| seconds(samples, take.rate_hz);
    let source = if is_flac { "FLAC" } else { "WAVE" };
    let mut line = |words: std::fmt::Arguments<'_>| {
        // Writing to a String never fails.
        let _ = writeln!(text, "{words}");
    };
    line(format_args!("  SAMPLERATE {} 1 0", take.rate_hz));
    if let Some(tempo) = take.tempo.first() {
        line(format_args!("  TEMPO {} {} 4", tempo.bpm, tempo.beats));
    }
    for (number, mark) in take.marks.iter().take(MARKS_MAX).enumerate() {
        line(format_args!("  MARKER {} {} {} 0", number + 1, seconds(mark.at), quoted(&mark.text)));
    }
    for lane in lanes {
        line(format_args!("  <TRACK\n    NAME {}", quoted(&lane.title)));
        for piece in &lane.pieces {
            line(format_args!(
                "    <ITEM\n      POSITION {}\n      LENGTH {}",
                seconds(piece.at),
                seconds(piece.samples)
            ));
            line(format_args!("      NAME {}", quoted(&lane.title)));
            line(format_args!(
                "      <SOURCE {source}\n        FILE {}\n      >\n    >",
                quoted(&piece.name)
            ));
        }
        line(format_args!("  >"));
    }
    line(format_args!(">"));
    text
}

/// A list of files for Audacity, each with the second at which it begins.
pub(super) fn audacity(take: &Take, lanes: &[Lane]) -> String {
    let mut text = String::new();
    for piece in lanes.iter().flat_map(|lane| &lane.pieces) {
        // Writing to a String never fails. Names are letters, digits, _ - and . alone.
        let _ = writeln!(text, "file \"{}\" offset {}", piece.name, seconds(piece.at, take.rate_hz));
    }
    text
}

/// Seconds with so many digits that the sample is found again.
fn seconds(samples: u64, rate_hz: u32) -> String {
    let rate = u64::from(rate_hz);
    let parts = u128::from(samples % rate) * 1_000_000_000 / u128::from(rate);
    format!("{}.{parts:09}", samples / rate)
}

/// A word of a Reaper project: in whichever quotes it does not have itself; it knows no escape.
fn quoted(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match ['"', '\'', '`'].into_iter().find(|quote| !text.contains(*quote)) {
        Some(quote) => format!("{quote}{text}{quote}"),
        None => format!("`{}`", text.replace('`', "'")),
    }
}

fn push_chunk(chunks: &mut Vec<u8>, kind: [u8; 4], content: &[u8]) {
    chunks.extend_from_slice(&kind);
    chunks.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
    chunks.extend_from_slice(content);
    if content.len() % 2 == 1 {
        chunks.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_in_quotes_that_it_does_not_have() {
        assert_eq!(quoted("a b"), "\"a b\"");
        assert_eq!(quoted("6\" tom"), "'6\" tom'");
        assert_eq!(quoted("6\" Ana's"), "`6\" Ana's`");
        assert_eq!(quoted("\"'`\n"), "`\"'' `");
    }

    #[test]
    fn a_second_finds_its_sample_again() {
        for samples in [0, 1, 47_999, 48_001, 48_000 * 86_400 + 1] {
            let text = seconds(samples, 48_000);
            let (whole, parts) = text.split_once('.').unwrap();
            let parts = parts.parse::<f64>().unwrap() / 1e9 * 48_000.0;
            assert_eq!(whole.parse::<u64>().unwrap() * 48_000 + parts.round() as u64, samples);
        }
    }
}
