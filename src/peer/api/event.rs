//! What happens, as clients that watch are told it, and as a headless peer prints it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::reply::{ErrorCode, ErrorReply};
use super::rounded::{tenths, thousandths};
use super::values::{Answer, Card, MicState, Person, TakeKind, WithdrawOutcome};

/// One event on the wire: `{"v":1,"at":"2026-11-22T20:15:00.123Z","event":"peer_seen",..}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventLine {
    /// [`super::API_VERSION`].
    pub v: u32,
    /// When, RFC 3339 UTC.
    pub at: String,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// Something that happened. Prints as one line for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The socket takes requests.
    Ready {
        /// Profile of this peer.
        profile: String,
        /// You.
        me: Person,
        /// Path of the socket.
        socket: String,
    },
    /// This peer can be reached at one more address.
    Listening {
        /// As others may type it.
        address: String,
    },
    /// Someone is on this network, or changed what they show.
    PeerSeen {
        /// Who.
        who: Person,
        /// The jam they are in; `null` in the lobby.
        jam: Option<String>,
    },
    /// Someone went.
    PeerGone {
        /// Who.
        who: Person,
    },
    /// You are in a jam.
    Joined {
        /// Its name.
        jam: String,
        /// Everyone else in it.
        people: Vec<Person>,
    },
    /// You did not get in.
    JoinRefused {
        /// What you asked for.
        jam: String,
        /// In three parts.
        error: ErrorReply,
    },
    /// You left the jam, or it ended.
    Left {
        /// Its name.
        jam: String,
        /// Why, in words.
        why: String,
    },
    /// Someone came into your jam.
    ParticipantJoined {
        /// Who.
        who: Person,
    },
    /// The connection to someone is lost; their seat is kept.
    ParticipantAway {
        /// Who.
        who: Person,
    },
    /// Someone who was away is back.
    ParticipantBack {
        /// Who.
        who: Person,
    },
    /// Someone left your jam.
    ParticipantLeft {
        /// Who.
        who: Person,
        /// Why, in words.
        why: String,
    },
    /// Someone changed what they show of themselves.
    ParticipantUpdated {
        /// Who, as they are now.
        who: Person,
        /// Instruments.
        plays: Vec<String>,
        /// What they like.
        #[serde(default)]
        interests: Vec<String>,
        /// The colour of their name.
        #[serde(default)]
        colour: Option<String>,
        /// The characters beside it.
        #[serde(default)]
        avatar: Option<String>,
    },
    /// Someone else orders the jam's changes now.
    StewardChanged {
        /// Who.
        who: Person,
    },
    /// You were removed from the jam.
    Removed {
        /// Its name.
        jam: String,
        /// By whom.
        by: Person,
    },
    /// Someone said something.
    Chat {
        /// Who; you too.
        who: Person,
        /// Safe to print.
        text: String,
    },
    /// What others hear of someone changed.
    Mic {
        /// Who; you too.
        who: Person,
        /// Now.
        mic: MicState,
    },
    /// You silenced both ways, or undid it.
    Panic {
        /// Silent now.
        on: bool,
    },
    /// The sound card is open.
    CardOpened {
        /// Which, how.
        card: Card,
    },
    /// The sound card is gone; the jam goes on without it, and it is taken back when it returns.
    CardLost {
        /// What.
        what: String,
        /// Why.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// The sound card is back.
    CardRestored {
        /// Which, how.
        card: Card,
    },
    /// Sound comes from someone by UDP.
    LinkUp {
        /// Who.
        who: Person,
        /// From where.
        address: String,
    },
    /// UDP does not get through: sound travels a stream, with more delay.
    LinkFallback {
        /// Who.
        who: Person,
    },
    /// UDP gets through again.
    LinkBack {
        /// Who.
        who: Person,
        /// From where.
        address: String,
    },
    /// The feedback guard cut a howl.
    HowlCut {
        /// Who howled; `null` for your own input.
        who: Option<Person>,
        /// At what pitch.
        #[serde(serialize_with = "tenths")]
        hz: f32,
    },
    /// What the feedback guard cut is heard again.
    HowlReleased {
        /// Who; `null` for your own input.
        who: Option<Person>,
    },
    /// Someone wants to record the jam, and you are asked: `rec.agree` or `rec.refuse`.
    RecordingAsked {
        /// Who.
        by: Person,
        /// What it is called.
        name: String,
        /// Which take.
        take: String,
        /// `recorded`: from now on; `grabbed`: what was played last.
        kind: TakeKind,
    },
    /// The jam is recorded. You are on it only if you agree.
    RecordingBegan {
        /// By whom.
        by: Person,
        /// What it is called.
        name: String,
        /// Which take.
        take: String,
        /// `recorded`: from now on; `grabbed`: what was played last.
        kind: TakeKind,
    },
    /// Someone said whether they want to be recorded.
    RecordingAnswer {
        /// Who; you too.
        who: Person,
        /// What they said.
        answer: Answer,
    },
    /// The recording is over.
    RecordingEnded {
        /// What it is called.
        name: String,
        /// Which take.
        take: String,
        /// Why, in words.
        why: String,
    },
    /// Your copy of a take is whole on the disk.
    TakeKept {
        /// Which.
        take: String,
        /// What it is called.
        name: String,
        /// Where it lies.
        folder: String,
        /// How long it is.
        #[serde(serialize_with = "thousandths")]
        length_s: f64,
        /// Why it ended before it was told to; empty if it did not.
        trouble: String,
    },
    /// Someone who holds a take said whether you are out of it.
    WithdrawalAnswered {
        /// Who.
        who: Person,
        /// Which take.
        take: String,
        /// What became of it.
        outcome: WithdrawOutcome,
    },
    /// Takes were added, changed or deleted: `rec.ls` says something else now.
    TakesChanged,
    /// Something is not as it should be, and the jam goes on.
    Warning {
        /// What.
        what: String,
        /// Why.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// This peer ends.
    Ended {
        /// Why, in words.
        why: String,
    },
}

impl Event {
    /// Every name that can stand in `"event"`, in the order of the variants.
    pub const NAMES: &'static [&'static str] = &[
        "ready",
        "listening",
        "peer_seen",
        "peer_gone",
        "joined",
        "join_refused",
        "left",
        "participant_joined",
        "participant_away",
        "participant_back",
        "participant_left",
        "participant_updated",
        "steward_changed",
        "removed",
        "chat",
        "mic",
        "panic",
        "card_opened",
        "card_lost",
        "card_restored",
        "link_up",
        "link_fallback",
        "link_back",
        "howl_cut",
        "howl_released",
        "recording_asked",
        "recording_began",
        "recording_answer",
        "recording_ended",
        "take_kept",
        "withdrawal_answered",
        "takes_changed",
        "warning",
        "ended",
    ];

    /// Its name, as in `"event"`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ready { .. } => "ready",
            Self::Listening { .. } => "listening",
            Self::PeerSeen { .. } => "peer_seen",
            Self::PeerGone { .. } => "peer_gone",
            Self::Joined { .. } => "joined",
            Self::JoinRefused { .. } => "join_refused",
            Self::Left { .. } => "left",
            Self::ParticipantJoined { .. } => "participant_joined",
            Self::ParticipantAway { .. } => "participant_away",
            Self::ParticipantBack { .. } => "participant_back",
            Self::ParticipantLeft { .. } => "participant_left",
            Self::ParticipantUpdated { .. } => "participant_updated",
            Self::StewardChanged { .. } => "steward_changed",
            Self::Removed { .. } => "removed",
            Self::Chat { .. } => "chat",
            Self::Mic { .. } => "mic",
            Self::Panic { .. } => "panic",
            Self::CardOpened { .. } => "card_opened",
            Self::CardLost { .. } => "card_lost",
            Self::CardRestored { .. } => "card_restored",
            Self::LinkUp { .. } => "link_up",
            Self::LinkFallback { .. } => "link_fallback",
            Self::LinkBack { .. } => "link_back",
            Self::HowlCut { .. } => "howl_cut",
            Self::HowlReleased { .. } => "howl_released",
            Self::RecordingAsked { .. } => "recording_asked",
            Self::RecordingBegan { .. } => "recording_began",
            Self::RecordingAnswer { .. } => "recording_answer",
            Self::RecordingEnded { .. } => "recording_ended",
            Self::TakeKept { .. } => "take_kept",
            Self::WithdrawalAnswered { .. } => "withdrawal_answered",
            Self::TakesChanged => "takes_changed",
            Self::Warning { .. } => "warning",
            Self::Ended { .. } => "ended",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = |who: &Option<Person>| who.as_ref().map_or("your input".to_owned(), ToString::to_string);
        match self {
            Self::Ready { profile, me, socket } => {
                write!(f, "ready: you are {me}, profile {profile}, socket {socket}")
            }
            Self::Listening { address } => write!(f, "others reach you at {address}"),
            Self::PeerSeen { who, jam: Some(jam) } => write!(f, "{who} is on this network, in {jam}"),
            Self::PeerSeen { who, jam: None } => write!(f, "{who} is on this network"),
            Self::PeerGone { who } => write!(f, "{who} is no longer on this network"),
            Self::Joined { jam, people } if people.is_empty() => {
                write!(f, "you are in {jam}, nobody else is yet")
            }
            Self::Joined { jam, people } => {
                let names: Vec<&str> = people.iter().map(|person| person.name.as_str()).collect();
                write!(f, "you are in {jam} with {}", names.join(", "))
            }
            Self::JoinRefused { error, .. } => write!(f, "{error}"),
            Self::Left { jam, why } => write!(f, "you left {jam}: {why}"),
            Self::ParticipantJoined { who } => write!(f, "{who} joined"),
            Self::ParticipantAway { who } => write!(f, "{who} is away: connection lost, seat kept"),
            Self::ParticipantBack { who } => write!(f, "{who} is back"),
            Self::ParticipantLeft { who, why } => write!(f, "{who} left: {why}"),
            Self::ParticipantUpdated { who, plays, interests, .. } => {
                write!(f, "{who} changed what others see of them")?;
                for (verb, what) in [("plays", plays), ("likes", interests)] {
                    if !what.is_empty() {
                        write!(f, ", {verb} {}", what.join(", "))?;
                    }
                }
                Ok(())
            }
            Self::StewardChanged { who } => write!(f, "{who} is the steward now"),
            Self::Removed { jam, by } => write!(f, "{by} removed you from {jam}"),
            Self::Chat { who, text } => write!(f, "<{who}> {text}"),
            Self::Mic { who, mic: MicState::Listen } => write!(f, "{who} only listens"),
            Self::Mic { who, mic: MicState::Panic } => write!(f, "{who} is silent both ways (PANIC)"),
            Self::Mic { who, mic } => write!(f, "{who} is {mic}"),
            Self::Panic { on: true } => {
                f.write_str("PANIC: silent both ways; `jamtty do panic.off` undoes it")
            }
            Self::Panic { on: false } => f.write_str("panic is over"),
            Self::CardOpened { card } => write!(f, "card open: {card}"),
            Self::CardLost { what, why, remedy } | Self::Warning { what, why, remedy } => {
                ErrorReply::new(ErrorCode::Failed, what, why, remedy).fmt(f)
            }
            Self::CardRestored { card } => write!(f, "card back: {card}"),
            Self::LinkUp { who, address } => write!(f, "you hear {who} (UDP, {address})"),
            Self::LinkFallback { who } => {
                write!(
                    f,
                    "sound between you and {who} takes a detour, with more delay: UDP does not get through"
                )
            }
            Self::LinkBack { who, address } => {
                write!(f, "you hear {who} the short way again (UDP, {address})")
            }
            Self::HowlCut { who, hz } => {
                write!(f, "feedback at {hz:.0} Hz cut on {}; `jamtty do howl.release` undoes it", whose(who))
            }
            Self::HowlReleased { who } => write!(f, "feedback guard released on {}", whose(who)),
            Self::RecordingAsked { by, kind: TakeKind::Grabbed, .. } => write!(
                f,
                "{by} wants to keep what was played last; are you on it? `jamtty rec agree` or `jamtty rec refuse`"
            ),
            Self::RecordingAsked { by, .. } => {
                write!(f, "{by} wants to record; are you on it? `jamtty rec agree` or `jamtty rec refuse`")
            }
            Self::RecordingBegan { by, name, kind: TakeKind::Grabbed, .. } => {
                write!(f, "REC: {by} keeps what was played last, as {name}, of those who agree")
            }
            Self::RecordingBegan { by, name, .. } => write!(f, "REC: {by} records {name}, those who agree"),
            Self::RecordingAnswer { who, answer: Answer::Yes } => write!(f, "{who} is on the recording"),
            Self::RecordingAnswer { who, answer: Answer::No } => write!(f, "{who} is not on the recording"),
            Self::RecordingAnswer { who, answer: Answer::Withdrawn } => {
                write!(f, "{who} wants to be taken out of the recording")
            }
            Self::RecordingEnded { name, why, .. } => write!(f, "the recording {name} is over: {why}"),
            Self::TakeKept { name, folder, length_s, trouble, .. } => {
                write!(f, "kept {name}, {length_s:.0} s, in {folder}")?;
                if trouble.is_empty() { Ok(()) } else { write!(f, "; it ended early: {trouble}") }
            }
            Self::WithdrawalAnswered { who, outcome: WithdrawOutcome::Removed, .. } => {
                write!(f, "{who} took you out of the take")
            }
            Self::WithdrawalAnswered { who, outcome: WithdrawOutcome::NothingHere, .. } => {
                write!(f, "{who} has nothing of you in that take")
            }
            Self::WithdrawalAnswered { who, outcome: WithdrawOutcome::Failed, .. } => {
                write!(f, "{who} could not take you out of the take; ask them")
            }
            Self::TakesChanged => f.write_str("the takes on this disk changed"),
            Self::Ended { why } => write!(f, "ended: {why}"),
        }
    }
}
