//! Colours of the terminal that is drawn: its ground, its words, and the sixteen that programs ask for by number.

/// Red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// What a terminal's owner has chosen.
#[derive(Debug)]
pub(crate) struct Palette {
    pub(crate) ground: Rgb,
    pub(crate) words: Rgb,
    /// ANSI 0 to 15.
    ansi: [Rgb; 16],
}

/// The grounds are those that jamtty's own themes are measured on. Each colour but the blacks has a contrast of
/// at least 4.5 with its ground: a picture shall not fail where a usual terminal does not.
pub(crate) const DARK: Palette = Palette {
    ground: [0x10, 0x14, 0x18],
    words: [0xD8, 0xDE, 0xE4],
    ansi: [
        [0x2A, 0x31, 0x38],
        [0xEB, 0x6A, 0x62],
        [0x86, 0xC5, 0x71],
        [0xE3, 0xB9, 0x41],
        [0x6C, 0xA8, 0xE0],
        [0xC6, 0x91, 0xE9],
        [0x4F, 0xC1, 0xD6],
        [0xD8, 0xDE, 0xE4],
        [0x8A, 0x93, 0x9C],
        [0xFF, 0x8C, 0x8C],
        [0xA5, 0xD8, 0x90],
        [0xF5, 0xD7, 0x6E],
        [0x8C, 0xC4, 0xF5],
        [0xDD, 0xB6, 0xF5],
        [0x86, 0xDD, 0xE8],
        [0xFF, 0xFF, 0xFF],
    ],
};

/// See [`DARK`].
pub(crate) const LIGHT: Palette = Palette {
    ground: [0xFF, 0xFF, 0xFF],
    words: [0x1B, 0x1F, 0x23],
    ansi: [
        [0x1B, 0x1F, 0x23],
        [0xB3, 0x26, 0x1E],
        [0x3D, 0x7A, 0x00],
        [0x7A, 0x5C, 0x00],
        [0x1F, 0x5F, 0xBF],
        [0x7A, 0x00, 0xA3],
        [0x00, 0x69, 0x75],
        [0x5C, 0x64, 0x6B],
        [0x5C, 0x64, 0x6B],
        [0xB3, 0x26, 0x1E],
        [0x3D, 0x7A, 0x00],
        [0x7A, 0x5C, 0x00],
        [0x1F, 0x5F, 0xBF],
        [0x7A, 0x00, 0xA3],
        [0x00, 0x69, 0x75],
        [0xFF, 0xFF, 0xFF],
    ],
};

impl Palette {
    /// A colour of the terminal; `default` where the program asked for none.
    pub(crate) fn rgb(&self, colour: vt100::Color, default: Rgb) -> Rgb {
        match colour {
            vt100::Color::Default => default,
            vt100::Color::Rgb(r, g, b) => [r, g, b],
            vt100::Color::Idx(index) => self.indexed(index),
        }
    }

    /// The 256 colours of xterm: sixteen of the owner's, a cube of six steps, 24 greys.
    fn indexed(&self, index: u8) -> Rgb {
        match index {
            0..16 => self.ansi[usize::from(index)],
            16..232 => {
                let step = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
                let cube = index - 16;
                [step(cube / 36), step(cube / 6 % 6), step(cube % 6)]
            }
            232.. => [8 + 10 * (index - 232); 3],
        }
    }
}

/// `share` of `over`, the rest of `under`.
pub(crate) fn blend(over: Rgb, under: Rgb, share: f32) -> Rgb {
    std::array::from_fn(|part| {
        (f32::from(over[part]) * share + f32::from(under[part]) * (1.0 - share)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast as WCAG has it.
    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let luminance = |rgb: Rgb| {
            let linear = |c: u8| {
                let c = f64::from(c) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2])
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn colours_can_be_read_on_their_ground() {
        for (palette, grounds) in [(&DARK, [0, 0]), (&LIGHT, [15, 15])] {
            for (index, colour) in
                palette.ansi.iter().enumerate().filter(|(index, _)| !grounds.contains(index))
            {
                assert!(contrast(*colour, palette.ground) >= 4.5, "{index} of {palette:?}");
            }
        }
    }

    #[test]
    fn the_cube_and_the_greys_are_those_of_xterm() {
        assert_eq!(DARK.indexed(16), [0, 0, 0]);
        assert_eq!(DARK.indexed(208), [255, 135, 0]);
        assert_eq!(DARK.indexed(255), [238; 3]);
    }
}
