//! How things look: themes and character sets. Colour is never the only sign.

use ratatui::style::{Color, Modifier, Style};

pub use crate::config::look::{Charset, ColorDepth, Theme};
use crate::domain::badge::NameColour;

/// What a piece of the screen means; the theme says how that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Words.
    Text,
    /// Words that matter less.
    Dim,
    /// Headings and lines around things.
    Frame,
    /// What is chosen.
    Chosen,
    /// A key that does something.
    Key,
    /// All is well.
    Fine,
    /// Look at this.
    Watch,
    /// This is wrong.
    Bad,
    /// Others hear you.
    Live,
    /// A state that stops sound.
    Stopped,
    /// Somebody's name, in the colour they chose; it stands there in letters, too.
    Person(NameColour),
}

impl Theme {
    /// Fine, watch and bad: at least dE76 50 (dark) and 36 (light) apart for normal, protan, deutan
    /// and tritan vision, contrast 4.5 on #101418 and #FFFFFF.
    const fn levels(self) -> Option<[Color; 3]> {
        match self {
            Self::Auto => Some([Color::Cyan, Color::Yellow, Color::Red]),
            Self::Dark => Some([
                Color::Rgb(0x2D, 0x8C, 0xC0),
                Color::Rgb(0xEF, 0xDE, 0x1C),
                Color::Rgb(0xC4, 0x63, 0x3E),
            ]),
            Self::Light => Some([
                Color::Rgb(0x42, 0x69, 0x7F),
                Color::Rgb(0x8E, 0x71, 0x1F),
                Color::Rgb(0x5B, 0x16, 0x1B),
            ]),
            Self::Mono | Self::Plain => None,
        }
    }

    /// A person's colour: contrast 4.5 on #101418 and #FFFFFF; `auto` has what the user's terminal calls
    /// so, without ANSI 4, which is dark on dark in most.
    const fn person(self, colour: NameColour) -> Option<Color> {
        let [auto, dark, light] = match colour {
            NameColour::Red => [Color::LightRed, Color::Rgb(0xFF, 0x6B, 0x7D), Color::Rgb(0xBC, 0x2E, 0x44)],
            NameColour::Gold => [Color::Yellow, Color::Rgb(0xF5, 0xCC, 0x00), Color::Rgb(0x7A, 0x5C, 0x00)],
            NameColour::Green => [Color::Green, Color::Rgb(0xB4, 0xF0, 0x8C), Color::Rgb(0x3D, 0x7A, 0x00)],
            NameColour::Teal => [Color::Cyan, Color::Rgb(0x47, 0xE6, 0xDC), Color::Rgb(0x00, 0x5F, 0x5F)],
            NameColour::Sky => [Color::LightBlue, Color::Rgb(0x6C, 0xA8, 0xE0), Color::Rgb(0x00, 0x3D, 0xF5)],
            NameColour::Violet => {
                [Color::Magenta, Color::Rgb(0xB0, 0x7A, 0xFF), Color::Rgb(0x7A, 0x00, 0xA3)]
            }
        };
        match self {
            Self::Auto => Some(auto),
            Self::Dark => Some(dark),
            Self::Light => Some(light),
            Self::Mono | Self::Plain => None,
        }
    }

    /// How a role looks.
    #[must_use]
    pub fn style(self, role: Role) -> Style {
        let style = Style::new();
        if self == Self::Plain {
            return style;
        }
        let coloured = |index: usize| self.levels().map_or(style, |levels| style.fg(levels[index]));
        match role {
            Role::Text => style,
            Role::Dim | Role::Frame => match self {
                Self::Dark => style.fg(Color::Rgb(0x8A, 0x93, 0x9C)),
                Self::Light => style.fg(Color::Rgb(0x5C, 0x64, 0x6B)),
                // Dim is the user's own: a grey chosen here may be invisible on their background.
                Self::Auto | Self::Mono | Self::Plain => style.add_modifier(Modifier::DIM),
            },
            Role::Chosen => style.add_modifier(Modifier::REVERSED),
            Role::Key => style.add_modifier(Modifier::BOLD),
            Role::Fine => coloured(0),
            Role::Watch => coloured(1).add_modifier(Modifier::BOLD),
            // The user's red may be dark on dark: reversed it is always seen.
            Role::Bad if matches!(self, Self::Auto | Self::Mono) => {
                coloured(2).add_modifier(Modifier::REVERSED)
            }
            Role::Bad => coloured(2).add_modifier(Modifier::BOLD),
            Role::Live => coloured(0).add_modifier(Modifier::BOLD),
            Role::Stopped => coloured(1).add_modifier(Modifier::REVERSED),
            Role::Person(colour) => self.person(colour).map_or(style, |colour| style.fg(colour)),
        }
    }
}

impl Charset {
    /// Left top, right top, left bottom, right bottom, horizontal, vertical.
    #[must_use]
    pub const fn frame(self) -> [char; 6] {
        match self {
            Self::Unicode | Self::Compat => ['┌', '┐', '└', '┘', '─', '│'],
            Self::Ascii => ['+', '+', '+', '+', '-', '|'],
        }
    }
}

/// Theme and characters together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The colours.
    pub theme: Theme,
    /// The characters.
    pub charset: Charset,
}

impl Look {
    /// How a role looks.
    #[must_use]
    pub fn style(self, role: Role) -> Style {
        match role {
            // Where only the keyboard's characters are sure, nothing is decorated.
            Role::Person(_) if self.charset == Charset::Ascii => Style::new(),
            role => self.theme.style(role),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast as WCAG has it.
    fn contrast(a: Color, b: [u8; 3]) -> f64 {
        let Color::Rgb(r, g, bl) = a else { panic!("{a} is not ours to measure") };
        let luminance = |rgb: [u8; 3]| {
            let linear = |c: u8| {
                let c = f64::from(c) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2])
        };
        let (a, b) = (luminance([r, g, bl]), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn what_matters_can_be_read_on_its_background() {
        for (theme, background) in [(Theme::Dark, [0x10, 0x14, 0x18]), (Theme::Light, [0xFF; 3])] {
            for role in [Role::Fine, Role::Watch, Role::Bad, Role::Live, Role::Dim] {
                let colour = theme.style(role).fg.expect("a colour");
                assert!(contrast(colour, background) >= 4.5, "{theme:?} {role:?}");
            }
            for role in NameColour::ALL.map(Role::Person) {
                let colour = theme.style(role).fg.expect("a colour");
                assert!(contrast(colour, background) >= 4.5, "{theme:?} {role:?}");
            }
        }
    }

    #[test]
    fn plain_and_mono_have_no_colour() {
        for role in [Role::Text, Role::Dim, Role::Fine, Role::Watch, Role::Bad, Role::Live, Role::Stopped] {
            assert_eq!(Theme::Plain.style(role), Style::new());
            assert_eq!(Theme::Mono.style(role).fg, None);
        }
        for role in NameColour::ALL.map(Role::Person) {
            assert_eq!((Theme::Plain.style(role), Theme::Mono.style(role)), (Style::new(), Style::new()));
            let ascii = Look { theme: Theme::Dark, charset: Charset::Ascii };
            assert_eq!(ascii.style(role), Style::new());
        }
    }
}
