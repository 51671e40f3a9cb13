//! Numbers as they cross the socket: as fine as anyone can use, without the noise of binary fractions.
//!
//! -3 dB is kept as a factor, and comes back as -3.0000001; a client that compares or shows it should not have to
//! know. Only what is written is rounded: the peer goes on with what it has.

use serde::Serializer;

/// A number, or none.
pub(super) trait Figure {
    /// As `f64`; `None` is written as `null`.
    fn value(&self) -> Option<f64>;
}

impl Figure for f32 {
    fn value(&self) -> Option<f64> {
        Some(f64::from(*self))
    }
}

impl Figure for f64 {
    fn value(&self) -> Option<f64> {
        Some(*self)
    }
}

impl<T: Figure> Figure for Option<T> {
    fn value(&self) -> Option<f64> {
        self.as_ref().and_then(Figure::value)
    }
}

/// To 0.1: measured levels in dB, kbit/s, ppm, Hz.
pub(super) fn tenths<T: Figure, S: Serializer>(figure: &T, to: S) -> Result<S::Ok, S::Error> {
    write(figure, 10.0, to)
}

/// To 0.01: what people set, in dB or between left and right; per cent.
pub(super) fn hundredths<T: Figure, S: Serializer>(figure: &T, to: S) -> Result<S::Ok, S::Error> {
    write(figure, 100.0, to)
}

/// To 0.001: milliseconds, for a sample is 0.02 of one.
pub(super) fn thousandths<T: Figure, S: Serializer>(figure: &T, to: S) -> Result<S::Ok, S::Error> {
    write(figure, 1_000.0, to)
}

/// Each of them to 0.1.
pub(super) fn tenths_each<S: Serializer>(figures: &[f32], to: S) -> Result<S::Ok, S::Error> {
    // Adding zero turns -0.0 into 0.0.
    to.collect_seq(figures.iter().map(|value| (f64::from(*value) * 10.0).round() / 10.0 + 0.0))
}

fn write<T: Figure, S: Serializer>(figure: &T, steps: f64, to: S) -> Result<S::Ok, S::Error> {
    match figure.value() {
        // Adding zero turns -0.0 into 0.0.
        Some(value) => to.serialize_f64((value * steps).round() / steps + 0.0),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(figure: impl Figure) -> String {
        let mut text = Vec::new();
        hundredths(&figure, &mut serde_json::Serializer::new(&mut text)).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_number_is_written_as_people_would() {
        for (value, text) in [(-3.000_000_1, "-3.0"), (-0.001, "0.0"), (0.25, "0.25"), (1e9, "1000000000.0")]
        {
            assert_eq!(written(value), text);
        }
        assert_eq!(written(0.1_f32), "0.1");
        assert_eq!(written(None::<f32>), "null");
    }

    proptest! {
        #[test]
        fn no_number_has_more_digits_than_it_says(value in -1e6_f64..1e6) {
            let text = written(value);
            prop_assert!(text.split_once('.').is_some_and(|(_, digits)| digits.len() <= 2), "{}", text);
        }
    }
}
