//! Two stretches of sound as numbers: how loud one is, how alike they are.

/// How alike two waves are, whatever their loudness: 1.0 the same, 0.0 nothing in common, -1.0 upside down.
#[must_use]
pub fn fit(a: &[f32], b: &[f32]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    let length = (power(a) * power(b)).sqrt() * a.len().min(b.len()) as f64;
    if length > 0.0 { dot / length } else { 0.0 }
}

/// The mean square.
#[must_use]
pub fn power(samples: &[f32]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_fits_whatever_its_loudness() {
        let wave = [0.1, -0.4, 0.3, 0.0];
        let louder = wave.map(|sample| sample * 3.0);
        let upside_down = wave.map(|sample| -sample);
        assert!((fit(&wave, &louder) - 1.0).abs() < 1e-6);
        assert!((fit(&wave, &upside_down) + 1.0).abs() < 1e-6);
        assert_eq!(fit(&wave, &[0.0; 4]), 0.0);
        assert_eq!(power(&[]), 0.0);
    }
}
