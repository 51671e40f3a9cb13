//! SVG to PNG: one font, no font of the system, and no more colours than a palette has.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use crate::Outcome;
use crate::svg::FONT;

/// The font and its bold face, where Debian's package fonts-dejavu-core has them.
const FONT_FILES: [&str; 2] = [
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf",
];
/// Pixels for each unit of the SVG. With it a cell, its eighths and its lines are whole pixels; at 2 the largest
/// pictures have more than 120 kB, at 1 letters are hard to read.
const SCALE: f32 = 1.6;
/// Colours of a palette.
const COLOURS_MAX: usize = 256;

/// Draws SVGs.
pub(crate) struct Painter {
    options: Options<'static>,
}

impl Painter {
    /// One that has read the font.
    pub(crate) fn new() -> Outcome<Self> {
        let mut fonts = Database::new();
        for file in FONT_FILES {
            let bytes = std::fs::read(file).map_err(|error| {
                format!("cannot read the font {file}: {error}. Install the package fonts-dejavu-core")
            })?;
            fonts.load_font_data(bytes);
        }
        let options = Options { font_family: FONT.to_owned(), fontdb: Arc::new(fonts), ..Options::default() };
        Ok(Self { options })
    }

    /// Writes the picture of `svg`; returns how many bytes it has.
    pub(crate) fn paint(&self, svg: &str, file: &Path) -> Outcome<usize> {
        let said = |what: &str| format!("cannot draw {}: {what}", file.display());
        let tree = Tree::from_str(svg, &self.options).map_err(|error| said(&error.to_string()))?;
        let size = tree.size().to_int_size().scale_by(SCALE).ok_or_else(|| said("it has no size"))?;
        let mut pixels = Pixmap::new(size.width(), size.height()).ok_or_else(|| said("it has no size"))?;
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
        let bytes = encoded(&pixels).map_err(|error| said(&error.to_string()))?;
        std::fs::write(file, &bytes).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        Ok(bytes.len())
    }
}

/// A PNG with a palette. The ground is opaque, so that no pixel is transparent.
fn encoded(pixels: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let (palette, indices) = indexed(pixels.data());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    encoder.set_compression(png::Compression::High);
    // Differences of indices mean nothing.
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header()?.write_image_data(&indices)?;
    Ok(bytes)
}

/// Colours as red, green, blue, and which of them each pixel has. Edges of letters have more shades than a palette:
/// the lowest bits go, one after another, until there are few enough.
fn indexed(rgba: &[u8]) -> (Vec<u8>, Vec<u8>) {
    for dropped in 0..8 {
        let rounded = |part: u8| {
            let kept = part >> dropped;
            // The brightest stays the brightest.
            let most = u8::MAX >> dropped;
            (u16::from(kept) * 255 / u16::from(most)) as u8
        };
        let mut seen: BTreeMap<[u8; 3], u8> = BTreeMap::new();
        let mut palette = Vec::new();
        let mut indices = Vec::with_capacity(rgba.len() / 4);
        for pixel in rgba.chunks_exact(4) {
            let colour = [rounded(pixel[0]), rounded(pixel[1]), rounded(pixel[2])];
            if !seen.contains_key(&colour) {
                let Ok(index) = u8::try_from(seen.len()) else { break };
                seen.insert(colour, index);
                palette.extend(colour);
            }
            indices.push(seen[&colour]);
        }
        if indices.len() == rgba.len() / 4 && seen.len() <= COLOURS_MAX {
            return (palette, indices);
        }
    }
    unreachable!("with one bit each there are eight colours")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_are_kept_as_they_are() {
        let (palette, indices) = indexed(&[1, 2, 3, 255, 4, 5, 6, 255, 1, 2, 3, 255]);
        assert_eq!((palette, indices), (vec![1, 2, 3, 4, 5, 6], vec![0, 1, 0]));
    }

    #[test]
    fn many_colours_become_few_and_white_stays_white() {
        let mut pixels = vec![255; 4];
        for n in 0..2_000_u32 {
            pixels.extend([(n % 251) as u8, (n % 241) as u8, (n % 239) as u8, 255]);
        }
        let (palette, indices) = indexed(&pixels);
        assert!(palette.len() <= 3 * COLOURS_MAX && indices.len() == 2_001);
        assert_eq!(palette[..3], [255; 3]);
    }
}
