//! Samples to frames and back: Opus in low delay mode, or PCM. The only file naming opus.
//!
//! World: the encoder belongs to the encoder thread; the decoder runs in the output callback and is
//! constructed and dropped by the worker side.

use crate::domain::stream::{Codec, FRAME_SAMPLES_MAX, StreamFormat};
use crate::domain::time::RATE_HZ;

/// A sample of both ears.
pub type Stereo = [f32; 2];

/// libopus complexity: 5 of 10. Above it the 2.5 ms mono encoder costs more for no gain we measured.
const OPUS_COMPLEXITY: i32 = 5;

/// Why a codec could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the {operation} refused {format}")]
pub struct CodecError {
    operation: &'static str,
    format: StreamFormat,
    source: opus::Error,
}

/// Compresses the frames of one stream, in order.
#[derive(Debug)]
pub struct Encoder {
    format: StreamFormat,
    opus: Option<opus::Encoder>,
}

impl Encoder {
    /// An encoder of this form.
    ///
    /// # Errors
    /// [`CodecError`] if libopus refuses the form, which [`StreamFormat`] does not allow.
    pub fn new(format: StreamFormat) -> Result<Self, CodecError> {
        let failed = |source| CodecError { operation: "encoder", format, source };
        let opus = match format.codec() {
            Codec::Opus => Some(opus_encoder(format).map_err(failed)?),
            Codec::Pcm16 | Codec::Pcm24 => None,
        };
        Ok(Self { format, opus })
    }

    /// Compresses one frame.
    ///
    /// `pcm`: `frame_samples` values of both ears; a mono stream takes the left.
    /// `out`: receives [`StreamFormat::frame_bytes`] bytes; returns how many, 0 for a frame that
    /// could not be encoded, which is a bug and plays as concealment at the far side.
    pub fn encode(&mut self, pcm: &[Stereo], out: &mut [u8]) -> usize {
        let len = self.format.frame_bytes();
        let Some(out) = out.get_mut(..len) else { return 0 };
        let channels = self.format.channels();
        match (&mut self.opus, self.format.codec()) {
            (Some(encoder), _) => {
                let mut interleaved = [0.0; FRAME_SAMPLES_MAX * 2];
                let values = pcm.len() * channels;
                for (to, from) in interleaved.chunks_exact_mut(channels).zip(pcm) {
                    to.copy_from_slice(&from[..channels]);
                }
                encoder.encode_float(&interleaved[..values], out).unwrap_or(0)
            }
            (None, Codec::Pcm24) => {
                for (to, value) in out.chunks_exact_mut(3).zip(values(pcm, channels)) {
                    to.copy_from_slice(&to_integer(value, 8_388_607.0).to_be_bytes()[1..]);
                }
                len
            }
            (None, Codec::Pcm16 | Codec::Opus) => {
                for (to, value) in out.chunks_exact_mut(2).zip(values(pcm, channels)) {
                    to.copy_from_slice(&to_integer(value, 32_767.0).to_be_bytes()[2..]);
                }
                len
            }
        }
    }
}

fn opus_encoder(format: StreamFormat) -> Result<opus::Encoder, opus::Error> {
    let mut encoder = opus::Encoder::new(RATE_HZ, opus_channels(format), opus::Application::LowDelay)?;
    encoder.set_bitrate(opus::Bitrate::Bits(i32::from(format.bitrate_kbps()) * 1_000))?;
    // Constant bit rate: packets of one size say nothing of the music, and nothing waits for a big one.
    encoder.set_vbr(false)?;
    encoder.set_complexity(OPUS_COMPLEXITY)?;
    // Each frame says its loudness in full. Told as a change from the frame before, one lost frame of 2.5 ms
    // makes libopus play 9 dB softer, to be safe, and come back over 80 ms.
    encoder.set_prediction_disabled(true)?;
    Ok(encoder)
}

const fn opus_channels(format: StreamFormat) -> opus::Channels {
    if format.channels() == 1 { opus::Channels::Mono } else { opus::Channels::Stereo }
}

/// The values a stream of `channels` carries, interleaved.
fn values(pcm: &[Stereo], channels: usize) -> impl Iterator<Item = f32> {
    pcm.iter().flat_map(move |sample| sample.iter().copied().take(channels))
}

/// A sample as an integer of that full scale; beyond it is clipped, NaN is silence.
fn to_integer(value: f32, full_scale: f32) -> i32 {
    (value.clamp(-1.0, 1.0) * full_scale).round() as i32
}

/// Opens the frames of one stream, in order, and invents what is missing of an Opus one.
#[derive(Debug)]
pub struct Decoder {
    format: StreamFormat,
    opus: Option<opus::Decoder>,
}

impl Decoder {
    /// A decoder of this form.
    ///
    /// # Errors
    /// [`CodecError`] if libopus refuses the form, which [`StreamFormat`] does not allow.
    pub fn new(format: StreamFormat) -> Result<Self, CodecError> {
        let failed = |source| CodecError { operation: "decoder", format, source };
        let opus = match format.codec() {
            Codec::Opus => Some(opus::Decoder::new(RATE_HZ, opus_channels(format)).map_err(failed)?),
            Codec::Pcm16 | Codec::Pcm24 => None,
        };
        Ok(Self { format, opus })
    }

    /// Opens one frame into `frame_samples` values of both ears; mono goes to both.
    ///
    /// Returns false, and leaves `out` silent, for a payload that is not a frame of this form.
    ///
    /// # Real-time
    /// Does not allocate; about 6 µs for 2.5 ms of stereo Opus (benches/codec.rs).
    pub fn decode(&mut self, payload: &[u8], out: &mut [Stereo]) -> bool {
        let fits = payload.len() == self.format.frame_bytes() && out.len() == self.format.frame_samples();
        if !fits {
            out.fill([0.0; 2]);
            return false;
        }
        match (&mut self.opus, self.format.codec()) {
            (Some(decoder), _) => opus_decode(decoder, payload, self.format.channels(), out),
            (None, Codec::Pcm24) => {
                read_values(payload.chunks_exact(3), self.format.channels(), out, |b| {
                    (i32::from_be_bytes([b[0], b[1], b[2], 0]) >> 8) as f32 / 8_388_607.0
                });
                true
            }
            (None, Codec::Pcm16 | Codec::Opus) => {
                read_values(payload.chunks_exact(2), self.format.channels(), out, |b| {
                    f32::from(i16::from_be_bytes([b[0], b[1]])) / 32_767.0
                });
                true
            }
        }
    }

    /// Forgets what came before: the stream starts again.
    pub fn reset(&mut self) {
        if let Some(decoder) = &mut self.opus {
            // Only fails on a decoder that does not exist.
            let _ = decoder.reset_state();
        }
    }

    /// Invents one missing frame of an Opus stream from what came before; false for PCM, which has
    /// its own concealment (`audio::conceal`).
    ///
    /// # Real-time
    /// Does not allocate; about 17 µs for 2.5 ms of stereo.
    pub fn conceal(&mut self, out: &mut [Stereo]) -> bool {
        match &mut self.opus {
            Some(decoder) => opus_decode(decoder, &[], self.format.channels(), out),
            None => false,
        }
    }
}

/// Decodes `payload`, or conceals `out.len()` samples if it is empty.
fn opus_decode(decoder: &mut opus::Decoder, payload: &[u8], channels: usize, out: &mut [Stereo]) -> bool {
    let mut interleaved = [0.0; FRAME_SAMPLES_MAX * 2];
    let wanted = &mut interleaved[..out.len().min(FRAME_SAMPLES_MAX) * channels];
    let opened = decoder.decode_float(payload, wanted, false).is_ok_and(|count| count == out.len());
    if opened {
        for (to, from) in out.iter_mut().zip(interleaved.chunks_exact(channels)) {
            *to = [from[0], from[channels - 1]];
        }
    } else {
        out.fill([0.0; 2]);
    }
    opened
}

fn read_values<'a>(
    mut bytes: impl Iterator<Item = &'a [u8]>,
    channels: usize,
    out: &mut [Stereo],
    value: impl Fn(&[u8]) -> f32,
) {
    for sample in out {
        let left = bytes.next().map_or(0.0, &value);
        let right = if channels == 2 { bytes.next().map_or(0.0, &value) } else { left };
        *sample = [left, right];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(samples: usize, hz: f32) -> Vec<Stereo> {
        (0..samples)
            .map(|n| {
                let value = 0.5 * (n as f32 * hz * std::f32::consts::TAU / RATE_HZ as f32).sin();
                [value, -value]
            })
            .collect()
    }

    fn there_and_back(format: StreamFormat, input: &[Stereo]) -> Vec<Stereo> {
        let mut encoder = Encoder::new(format).unwrap();
        let mut decoder = Decoder::new(format).unwrap();
        let mut heard = Vec::new();
        for frame in input.chunks_exact(format.frame_samples()) {
            let mut bytes = [0; 1_000];
            let len = encoder.encode(frame, &mut bytes);
            assert_eq!(len, format.frame_bytes());
            let mut out = vec![[0.0; 2]; format.frame_samples()];
            assert!(decoder.decode(&bytes[..len], &mut out));
            heard.extend(out);
        }
        heard
    }

    #[test]
    fn pcm_is_right_to_its_last_bit() {
        let input = sine(128, 440.0);
        for (codec, step) in [(Codec::Pcm16, 32_767.0), (Codec::Pcm24, 8_388_607.0)] {
            let heard = there_and_back(StreamFormat::pcm(codec, 2, 64).unwrap(), &input);
            for (a, b) in input.iter().zip(&heard) {
                assert!((a[0] - b[0]).abs() <= 0.51 / step && (a[1] - b[1]).abs() <= 0.51 / step);
            }
        }
    }

    #[test]
    fn mono_is_heard_in_both_ears() {
        let heard = there_and_back(StreamFormat::pcm(Codec::Pcm16, 1, 64).unwrap(), &sine(64, 440.0));
        assert!(heard.iter().all(|sample| sample[0] == sample[1]));
        assert!(heard.iter().any(|sample| sample[0].abs() > 0.4));
    }

    #[test]
    fn opus_holds_back_its_look_ahead_and_no_more() {
        for (channels, frame) in [(1, 120), (2, 120), (2, 240), (1, 480)] {
            let format = StreamFormat::opus(channels, frame, 128).unwrap();
            let input = sine(9_600, 440.0);
            let heard = there_and_back(format, &input);
            let late = format.lookahead_samples();
            let (mut error, mut power) = (0.0, 0.0);
            for n in 4_800..9_600 - late {
                error += (heard[n + late][0] - input[n][0]).powi(2);
                power += input[n][0].powi(2);
            }
            assert!(error / power < 0.01, "{format}: {} dB", 10.0 * (error / power).log10());
        }
    }

    #[test]
    fn a_lost_opus_frame_is_over_when_the_next_have_come() {
        let format = StreamFormat::opus(1, 120, 128).unwrap();
        let mut encoder = Encoder::new(format).unwrap();
        let (mut whole, mut holed) = (Decoder::new(format).unwrap(), Decoder::new(format).unwrap());
        let power = |frame: &[Stereo]| frame.iter().map(|sample| sample[0].powi(2)).sum::<f32>();
        for (index, frame) in sine(120 * 200, 110.0).chunks_exact(120).enumerate() {
            let mut bytes = [0; 1_000];
            let len = encoder.encode(frame, &mut bytes);
            let (mut clean, mut heard) = ([[0.0; 2]; 120], [[0.0; 2]; 120]);
            assert!(whole.decode(&bytes[..len], &mut clean));
            let since_lost = index % 50;
            if index >= 50 && since_lost == 0 {
                holed.conceal(&mut heard);
            } else {
                assert!(holed.decode(&bytes[..len], &mut heard));
            }
            if since_lost > 2 {
                let db = 10.0 * (power(&heard) / power(&clean)).log10();
                assert!(db.abs() < 1.0, "{since_lost} frames after a lost one: {db} dB");
            }
        }
    }

    #[test]
    fn a_payload_of_another_form_is_silence() {
        let mut decoder = Decoder::new(StreamFormat::pcm(Codec::Pcm16, 1, 64).unwrap()).unwrap();
        let mut out = vec![[1.0; 2]; 64];
        assert!(!decoder.decode(&[1; 127], &mut out));
        assert!(out.iter().all(|sample| *sample == [0.0; 2]));
        let mut opus = Decoder::new(StreamFormat::opus(2, 120, 128).unwrap()).unwrap();
        let mut out = vec![[1.0; 2]; 120];
        for fill in [0, 0x55, 0xff] {
            opus.decode(&[fill; 40], &mut out);
            assert!(out.iter().all(|sample| sample[0].is_finite() && sample[1].is_finite()));
        }
    }
}
