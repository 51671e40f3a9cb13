//! What a card can do to us, by what to do about it, in three parts for people.
//!
//! World: worker.

use crate::audio::virtual_card::VirtualTrouble;

/// A card that cannot be used now: which one, why, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {trouble}")]
pub struct CardError {
    /// What was being done, with the card's name: `the input alsa:hw:CARD=USB,DEV=0`.
    pub what: String,
    /// Why, by remedy.
    #[source]
    pub trouble: CardTrouble,
}

/// Why a card cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CardTrouble {
    /// Something else has it.
    #[error("another program is using it")]
    Busy,
    /// It went away, or it was never there.
    #[error("it is not there ({0})")]
    Gone(String),
    /// No card at all was found where we looked.
    #[error("no sound card was found")]
    NoCards,
    /// The JACK server does not run.
    #[error("no JACK server is running")]
    NoServer,
    /// The JACK server ended while it was in use.
    #[error("the JACK server ended")]
    ServerGone,
    /// It runs on, but otherwise than it was opened.
    #[error("it changed how it runs ({0})")]
    Changed(String),
    /// It runs, but not as we need it.
    #[error("it does not offer what is needed ({0})")]
    Unsupported(String),
    /// We may not open it.
    #[error("this user may not open it")]
    Denied,
    /// No card has this name.
    #[error("no card is called `{wanted}`")]
    NoSuchCard {
        /// The name asked for.
        wanted: String,
        /// The name most like it.
        nearest: Option<String>,
        /// The names there are.
        there: Vec<String>,
    },
    /// More than one card has this in its name.
    #[error("`{wanted}` fits more than one card: {}", .fits.join(", "))]
    Ambiguous {
        /// The part of a name asked for.
        wanted: String,
        /// The names it fits.
        fits: Vec<String>,
    },
    /// This build does not know such a host.
    #[error("this build does not know the sound system `{wanted}`; it knows {}", .known.join(", "))]
    NoSuchHost {
        /// The name asked for.
        wanted: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The virtual card's files.
    #[error(transparent)]
    Virtual(#[from] VirtualTrouble),
    /// The sound system said something else.
    #[error("{0}")]
    Other(String),
}

impl CardTrouble {
    /// What to do now, as a sentence without its period.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Busy => "close the other program; the card is taken as soon as it is free".to_owned(),
            Self::Gone(_) => "plug it in again; it is taken back by itself".to_owned(),
            Self::NoCards => {
                "plug one in or start JACK, it is taken by itself; or use files and tones (`--in-file`, \
                 `--in-tone`, `--null`)"
                    .to_owned()
            }
            Self::NoServer => "start it (`qjackctl`, or `jackd -d alsa`); it is taken by itself".to_owned(),
            Self::ServerGone => {
                "start it again (`qjackctl`, or `jackd -d alsa`); it is taken back by itself".to_owned()
            }
            Self::Changed(_) => "wait: it is opened again as it is now".to_owned(),
            Self::Unsupported(_) => {
                "choose other channels or another period, or another card (`jamtty audio ls`)".to_owned()
            }
            Self::Denied => {
                "join the group of those who may: `sudo usermod -aG audio $USER`, then log in again"
                    .to_owned()
            }
            Self::NoSuchCard { nearest: Some(name), .. } => format!("did you mean `{name}`?"),
            Self::NoSuchCard { there, .. } if there.is_empty() => "there is none: plug one in".to_owned(),
            Self::NoSuchCard { there, .. } => format!("there are {}", there.join(", ")),
            Self::Ambiguous { .. } => "write more of the name".to_owned(),
            Self::NoSuchHost { .. } => "choose one of those".to_owned(),
            Self::Virtual(trouble) => trouble.remedy().to_owned(),
            Self::Other(_) => "run `jamtty doctor`, or choose another card (`jamtty audio ls`)".to_owned(),
        }
    }

    /// Whether trying again later can help: false for a name or a wish that cannot come true by itself.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Busy
            | Self::Gone(_)
            | Self::NoCards
            | Self::NoServer
            | Self::ServerGone
            | Self::Changed(_)
            | Self::Unsupported(_)
            | Self::Denied
            | Self::Other(_) => true,
            Self::NoSuchCard { .. } | Self::Ambiguous { .. } | Self::NoSuchHost { .. } | Self::Virtual(_) => {
                false
            }
        }
    }
}

impl CardError {
    /// What to do now, as a sentence without its period.
    #[must_use]
    pub fn remedy(&self) -> String {
        self.trouble.remedy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_says_why_and_what_to_do() {
        let troubles = [
            CardTrouble::Busy,
            CardTrouble::Gone("unplugged".to_owned()),
            CardTrouble::NoCards,
            CardTrouble::NoServer,
            CardTrouble::Denied,
            CardTrouble::NoSuchCard { wanted: "x".to_owned(), nearest: None, there: vec![] },
            CardTrouble::Other("strange".to_owned()),
        ];
        for trouble in troubles {
            let error = CardError { what: "the input a".to_owned(), trouble };
            assert!(error.to_string().starts_with("the input a: "));
            assert!(!error.remedy().is_empty() && !error.remedy().ends_with('.'));
        }
    }
}
