//! How the screen may look, as the config says it: the words, and nothing of how they are drawn.

/// A word of the config, and what it means.
pub type Words<T> = &'static [(&'static str, T)];

/// What `name` means among these words.
#[must_use]
pub fn named<T: Copy>(words: Words<T>, name: &str) -> Option<T> {
    words.iter().find(|(known, _)| *known == name).map(|(_, meant)| *meant)
}

/// The word for `meant`.
#[must_use]
pub fn name_of<T: PartialEq>(words: Words<T>, meant: &T) -> &'static str {
    words.iter().find(|(_, known)| known == meant).map_or("", |(name, _)| name)
}

/// A set of colours.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// The 16 colours of the user's own terminal.
    #[default]
    Auto,
    /// For dark backgrounds: measured to differ for every kind of colour vision.
    Dark,
    /// The same for light backgrounds.
    Light,
    /// Attributes only.
    Mono,
    /// Nothing at all.
    Plain,
}

impl Theme {
    /// Its words.
    pub const WORDS: Words<Self> = &[
        ("auto", Self::Auto),
        ("dark", Self::Dark),
        ("light", Self::Light),
        ("mono", Self::Mono),
        ("plain", Self::Plain),
    ];
}

/// Which characters the terminal shows as one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Box lines, eighths of blocks, braille.
    Unicode,
    /// The same without braille.
    Compat,
    /// What is on every keyboard.
    Ascii,
}

impl Charset {
    /// Its words; `None` is what the terminal can be expected to show.
    pub const WORDS: Words<Option<Self>> = &[
        ("auto", None),
        ("unicode", Some(Self::Unicode)),
        ("compat", Some(Self::Compat)),
        ("ascii", Some(Self::Ascii)),
    ];
}

/// How many colours the terminal takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorDepth {
    /// None: attributes only.
    None,
    /// 16.
    Ansi,
    /// 256.
    Indexed,
    /// All.
    True,
}

impl ColorDepth {
    /// Its words; `None` is what the terminal says of itself.
    pub const WORDS: Words<Option<Self>> = &[
        ("auto", None),
        ("none", Some(Self::None)),
        ("16", Some(Self::Ansi)),
        ("256", Some(Self::Indexed)),
        ("truecolor", Some(Self::True)),
    ];
}
