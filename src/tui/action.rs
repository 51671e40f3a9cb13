//! Everything the screen can do, once: keys, hints, help and palette are printed from this table.

use super::key::{Code, Key};

/// The screens, in the order of the digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tab {
    /// Jams and people nearby.
    Lobby,
    /// The jam you are in.
    Jam,
    /// Recordings.
    Library,
    /// Tiny performances.
    Tinies,
    /// Messages that stay.
    Board,
    /// What others see of you.
    Me,
    /// Why it crackles.
    Doctor,
}

impl Tab {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Lobby, Self::Jam, Self::Library, Self::Tinies, Self::Board, Self::Me, Self::Doctor];

    /// As it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lobby => "Lobby",
            Self::Jam => "Jam",
            Self::Library => "Library",
            Self::Tinies => "Tinies",
            Self::Board => "Board",
            Self::Me => "Me",
            Self::Doctor => "Doctor",
        }
    }

    /// As it is called on 80 columns.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::Library => "Lib",
            Self::Tinies => "Tiny",
            Self::Doctor => "Dr",
            other => other.name(),
        }
    }

    /// The letter after `g`: digits are shifted on some layouts.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Lobby => 'l',
            Self::Jam => 'j',
            Self::Library => 'r',
            Self::Tinies => 't',
            Self::Board => 'b',
            Self::Me => 'm',
            Self::Doctor => 'd',
        }
    }

    /// As an action.
    #[must_use]
    pub const fn action(self) -> Action {
        Action::Show(self)
    }
}

/// Where a key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On every screen; no screen may take its keys.
    Everywhere,
    /// On one screen.
    On(Tab),
    /// In the first steps and the audio set-up.
    Setup,
    /// In the palette only.
    Palette,
}

/// Something the screen does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Silence both ways, or back.
    Panic,
    /// Others hear you, or not.
    Mic,
    /// Shows a screen.
    Show(Tab),
    /// Shows the next screen.
    NextTab,
    /// Shows the screen before.
    PreviousTab,
    /// Waits for the letter of a screen.
    Go,
    /// Opens the palette.
    Palette,
    /// Opens the help.
    Help,
    /// Searches in what is shown.
    Find,
    /// Records, or ends it; while you are asked, opens the question.
    Record,
    /// Keeps what was played last.
    Grab,
    /// Marks this moment of the recording.
    MarkMoment,
    /// Calls the chosen take something else.
    RenameTake,
    /// Adds a word to find the chosen take by, or takes it away.
    TagTake,
    /// Says something about the chosen take.
    NoteTake,
    /// Writes the chosen take's tracks into a folder.
    ExportTake,
    /// Checks the chosen take.
    VerifyTake,
    /// Puts the chosen take into the bin.
    DeleteTake,
    /// Deletes the chosen take for good.
    EraseTake,
    /// Asks everyone who holds the chosen take to take oneself out of it.
    WithdrawTake,
    /// Does not let oneself be recorded.
    RefuseRecording,
    /// Takes back the last change.
    Undo,
    /// Does it again.
    Redo,
    /// Big letters.
    Stage,
    /// Answers why it crackles.
    Why,
    /// Leaves the jam, then the screen.
    Leave,
    /// Closes the screen; the music goes on.
    Detach,
    /// Ends at once.
    QuitNow,
    /// Stops the screen, as a shell does with any program.
    Suspend,
    /// Draws everything anew.
    Redraw,
    /// Gives the mouse back to the terminal, or takes it.
    Mouse,
    /// Closes what is open.
    Close,
    /// The line above.
    Up,
    /// The line below.
    Down,
    /// Less, or the field to the left.
    Left,
    /// More, or the field to the right.
    Right,
    /// Much less.
    FarLeft,
    /// Much more.
    FarRight,
    /// Opens or does what is chosen.
    Open,
    /// A new jam.
    New,
    /// A ticket for others.
    Invite,
    /// Joins by ticket or address.
    Address,
    /// What this machine sees, for when somebody is missing.
    Missing,
    /// Lets the house band play, or ends it.
    Band,
    /// The sound card.
    AudioSetup,
    /// A tone in your own output.
    TestTone,
    /// The round trip from the output to the input.
    Measure,
    /// Ends the set-up: from then on jams are joined with a listening seat.
    ListenOnly,
    /// Blocks the chosen person.
    Block,
    /// Takes the chosen person off the block list.
    Unblock,
    /// Writes to everyone in the jam.
    Chat,
    /// Does not hear the chosen one, or does.
    Mute,
    /// Hears only the chosen one, or all.
    Solo,
    /// To the left ear.
    PanLeft,
    /// To the right ear.
    PanRight,
    /// The fader to 0 dB.
    FaderZero,
    /// Forgets that it clipped.
    ClearClip,
    /// Holds the chosen one's sound longer or shorter.
    Delay,
    /// Hears again what the feedback guard cut.
    Release,
    /// Removes the chosen person.
    Kick,
    /// Hands the jam to the chosen person.
    Steward,
    /// Does what the doctor says.
    Fix,
    /// What happened so far.
    Log,
    /// Shares the chosen line of the own card, or keeps it.
    Share,
    /// Changes the own name.
    EditName,
    /// Changes the own instruments.
    EditPlays,
    /// Changes the own interests.
    EditInterests,
    /// Steps through the colours of the own name.
    NextColour,
    /// Changes the own avatar.
    EditAvatar,
    /// The first steps once more.
    FirstSteps,
    /// Ends the peer.
    EndPeer,
    /// Asks the peer, with these words.
    Ask(&'static [&'static str]),
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What it does.
    pub action: Action,
    /// Its name in the config.
    pub name: &'static str,
    /// Its keys, unless the config says otherwise.
    pub keys: &'static [Key],
    /// Where they count.
    pub place: Place,
    /// In hints: a word or two; empty where it is not hinted at.
    pub hint: &'static str,
    /// In help and palette.
    pub what: &'static str,
}

const fn entry(
    action: Action,
    name: &'static str,
    keys: &'static [Key],
    place: Place,
    hint: &'static str,
    what: &'static str,
) -> Entry {
    Entry { action, name, keys, place, hint, what }
}

const fn k(c: char) -> Key {
    Key::char(c)
}

const fn code(code: Code) -> Key {
    Key::plain(code)
}

const fn ask(words: &'static [&'static str], name: &'static str, what: &'static str) -> Entry {
    entry(Action::Ask(words), name, &[], Place::Palette, "", what)
}

use Place::{Everywhere, On, Palette, Setup};

/// Every action, in the order of help and palette. The first key is the one that hints show.
pub const ENTRIES: &[Entry] = &[
    entry(Action::Panic, "panic", &[k('x'), Key::ctrl('x')], Everywhere, "PANIC", "PANIC: all silent"),
    entry(Action::Mic, "mic", &[k(' ')], Everywhere, "mic", "my mic on or off"),
    entry(Action::Show(Tab::Lobby), "lobby", &[k('1'), k('&')], Everywhere, "", "screen: lobby"),
    entry(Action::Show(Tab::Jam), "jam", &[k('2'), k('é')], Everywhere, "", "screen: jam"),
    entry(Action::Show(Tab::Library), "library", &[k('3'), k('"')], Everywhere, "", "screen: library"),
    entry(Action::Show(Tab::Tinies), "tinies", &[k('4'), k('\'')], Everywhere, "", "screen: tinies"),
    entry(Action::Show(Tab::Board), "board", &[k('5'), k('(')], Everywhere, "", "screen: board"),
    entry(Action::Show(Tab::Me), "me", &[k('6'), k('-')], Everywhere, "", "screen: me"),
    entry(Action::Show(Tab::Doctor), "doctor", &[k('7'), k('è')], Everywhere, "", "screen: doctor"),
    entry(Action::NextTab, "next_screen", &[code(Code::Tab)], Everywhere, "", "next screen"),
    entry(Action::PreviousTab, "previous_screen", &[code(Code::BackTab)], Everywhere, "", "screen before"),
    entry(Action::Go, "go", &[k('g')], Everywhere, "", "go: then a letter"),
    entry(Action::Palette, "do", &[k(':')], Everywhere, "", "find any command"),
    entry(Action::Help, "help", &[k('?'), code(Code::F(1))], Everywhere, "", "this help"),
    entry(Action::Find, "find", &[k('/')], Everywhere, "", "find in what is shown"),
    entry(Action::Record, "record", &[k('r')], Everywhere, "", "record, or end it"),
    entry(Action::Grab, "grab", &[k('R')], Everywhere, "", "keep what was played last"),
    entry(Action::RefuseRecording, "refuse", &[k('N')], Everywhere, "", "do not record me"),
    entry(Action::Undo, "undo", &[k('u')], Everywhere, "", "undo the last change"),
    entry(Action::Redo, "redo", &[k('U')], Everywhere, "", "redo it"),
    entry(Action::Stage, "stage", &[k('v')], Everywhere, "", "stage view: big letters"),
    entry(Action::Why, "why", &[k('w')], Everywhere, "", "why does it crackle?"),
    entry(Action::Leave, "leave", &[k('q')], Everywhere, "", "leave the jam, then quit"),
    entry(Action::Detach, "detach", &[k('D')], Everywhere, "", "close the screen, play on"),
    entry(Action::QuitNow, "quit_now", &[Key::ctrl('c')], Everywhere, "", "end at once"),
    entry(Action::Suspend, "suspend", &[Key::ctrl('z')], Everywhere, "", "suspend, back to the shell"),
    entry(Action::Redraw, "redraw", &[Key::ctrl('l')], Everywhere, "", "draw everything anew"),
    entry(Action::Mouse, "mouse", &[code(Code::F(6))], Everywhere, "", "mouse: ours, or not"),
    entry(Action::Close, "close", &[code(Code::Esc)], Everywhere, "", "close what is open"),
    entry(Action::Up, "up", &[code(Code::Up), k('k')], Everywhere, "", "line above"),
    entry(Action::Down, "down", &[code(Code::Down), k('j')], Everywhere, "", "line below"),
    entry(Action::Left, "left", &[code(Code::Left), k('h')], Everywhere, "", "less: fader -1 dB"),
    entry(Action::Right, "right", &[code(Code::Right), k('l')], Everywhere, "", "more: fader +1 dB"),
    entry(Action::Open, "open", &[code(Code::Enter)], Everywhere, "", "open, or do what is chosen"),
    entry(Action::Open, "join", &[], On(Tab::Lobby), "", "join the chosen jam or person"),
    entry(Action::New, "new", &[k('n')], On(Tab::Lobby), "new jam", "new jam"),
    entry(Action::Invite, "invite", &[k('i')], On(Tab::Lobby), "invite", "invite: ticket and QR code"),
    entry(Action::Address, "address", &[k('a')], On(Tab::Lobby), "address", "join by ticket or address"),
    entry(Action::Missing, "missing", &[k('M')], On(Tab::Lobby), "", "somebody missing?"),
    entry(Action::Band, "band", &[k('B')], On(Tab::Lobby), "house band", "house band: come, or go"),
    entry(Action::AudioSetup, "audio", &[k('A')], On(Tab::Lobby), "audio", "audio set-up"),
    entry(Action::TestTone, "test_tone", &[k('t')], On(Tab::Lobby), "", "test tone, only for you"),
    entry(Action::Block, "block", &[k('b')], On(Tab::Lobby), "", "block the chosen person"),
    entry(Action::Mute, "mute", &[k('m')], On(Tab::Jam), "mute", "mute them, only for me"),
    entry(Action::Solo, "solo", &[k('s')], On(Tab::Jam), "solo", "solo them, only for me"),
    entry(Action::Chat, "chat", &[k('c')], On(Tab::Jam), "chat", "write to everyone"),
    entry(Action::FarLeft, "far_left", &[k('H')], On(Tab::Jam), "", "fader -6 dB"),
    entry(Action::FarRight, "far_right", &[k('L')], On(Tab::Jam), "", "fader +6 dB"),
    entry(Action::FaderZero, "fader_zero", &[k('0')], On(Tab::Jam), "", "fader to 0 dB"),
    entry(Action::PanLeft, "pan_left", &[k(',')], On(Tab::Jam), "", "pan to the left"),
    entry(Action::PanRight, "pan_right", &[k('.'), k(';')], On(Tab::Jam), "", "pan to the right"),
    entry(Action::ClearClip, "clear_clip", &[k('p')], On(Tab::Jam), "", "clear CLIP"),
    entry(Action::MarkMoment, "mark", &[k('M')], On(Tab::Jam), "", "mark this moment"),
    entry(Action::Delay, "delay", &[k('d')], On(Tab::Jam), "", "hold: auto, quick, safe"),
    entry(Action::Release, "release", &[k('f')], On(Tab::Jam), "", "hear cut feedback again"),
    entry(Action::Invite, "invite_here", &[k('i')], On(Tab::Jam), "", "invite: ticket and QR code"),
    entry(Action::ExportTake, "export", &[k('E')], On(Tab::Library), "export", "export the chosen take"),
    entry(Action::RenameTake, "rename", &[k('e')], On(Tab::Library), "rename", "call it something else"),
    entry(Action::TagTake, "tag", &[k('t')], On(Tab::Library), "tag", "a word to find it by"),
    entry(Action::NoteTake, "note", &[k('n')], On(Tab::Library), "note", "say something about it"),
    entry(Action::VerifyTake, "check", &[k('c')], On(Tab::Library), "check", "check it"),
    entry(Action::DeleteTake, "delete", &[k('d')], On(Tab::Library), "delete", "into the bin, 30 days"),
    entry(Action::EraseTake, "erase", &[], Palette, "", "takes: delete the chosen one for good"),
    entry(Action::WithdrawTake, "withdraw", &[], Palette, "", "takes: have me taken out, everywhere"),
    entry(Action::Kick, "kick", &[], On(Tab::Jam), "", "remove the chosen player from the jam"),
    entry(Action::Steward, "steward", &[], On(Tab::Jam), "", "hand the jam to the chosen player"),
    entry(Action::Fix, "fix", &[k('f')], On(Tab::Doctor), "fix it", "do the marked fix"),
    entry(Action::Log, "log", &[k('L')], On(Tab::Doctor), "log", "what happened so far"),
    entry(
        Action::TestTone,
        "doctor_tone",
        &[k('t')],
        On(Tab::Doctor),
        "test tone",
        "test tone, only for you",
    ),
    entry(Action::Share, "share", &[k('s')], On(Tab::Me), "share", "share this line, or not"),
    entry(Action::EditName, "edit_name", &[k('e')], On(Tab::Me), "name", "change my name"),
    entry(Action::EditPlays, "edit_plays", &[k('i')], On(Tab::Me), "instruments", "change what I play"),
    entry(Action::EditInterests, "edit_interests", &[k('I')], On(Tab::Me), "interests", "change what I like"),
    entry(Action::NextColour, "next_colour", &[k('c')], On(Tab::Me), "colour", "next colour of my name"),
    entry(Action::EditAvatar, "edit_avatar", &[k('a')], On(Tab::Me), "avatar", "change my avatar"),
    entry(
        Action::FirstSteps,
        "first_steps",
        &[k('A')],
        On(Tab::Me),
        "first steps",
        "the first steps once more",
    ),
    entry(Action::TestTone, "setup_tone", &[k('t')], Setup, "tone", "2 s of tone, only for you"),
    entry(Action::Measure, "measure", &[k('m')], Setup, "measure", "round trip, out to in"),
    // Not l: that is `more` on every screen.
    entry(Action::ListenOnly, "listen_only", &[k('o')], Setup, "only listen", "join jams only to listen"),
    entry(Action::Unblock, "unblock", &[], Palette, "", "people: unblock the chosen person"),
    ask(&["audio.loopback", "on"], "loopback_on", "sound: hear yourself as others will"),
    ask(&["audio.loopback", "off"], "loopback_off", "sound: no longer hear yourself as others will"),
    ask(&["monitor", "0"], "monitor_on", "sound: hear yourself dry, 0 dB"),
    ask(&["monitor", "-12"], "monitor_low", "sound: hear yourself dry, -12 dB"),
    ask(&["monitor", "off"], "monitor_off", "sound: do not hear yourself"),
    ask(&["codec", "opus"], "codec_opus", "stream: Opus, small"),
    ask(&["codec", "pcm16"], "codec_pcm16", "stream: PCM 16 bit, fastest, for cables"),
    ask(&["codec", "pcm24"], "codec_pcm24", "stream: PCM 24 bit"),
    ask(&["frame", "2.5"], "frame_short", "stream: Opus frames of 2.5 ms"),
    ask(&["frame", "5"], "frame_middle", "stream: Opus frames of 5 ms"),
    ask(&["frame", "10"], "frame_long", "stream: Opus frames of 10 ms"),
    ask(&["bitrate", "64"], "bitrate_64", "stream: Opus at 64 kbit/s"),
    ask(&["bitrate", "128"], "bitrate_128", "stream: Opus at 128 kbit/s"),
    ask(&["bitrate", "256"], "bitrate_256", "stream: Opus at 256 kbit/s"),
    ask(&["audio.period", "32"], "period_32", "sound: card period 32"),
    ask(&["audio.period", "64"], "period_64", "sound: card period 64"),
    ask(&["audio.period", "128"], "period_128", "sound: card period 128"),
    ask(&["audio.period", "256"], "period_256", "sound: card period 256"),
    ask(&["rec.agree"], "agree", "recording: let yourself be recorded"),
    ask(&["join", "last"], "join_last", "jam: join the one you were in last"),
    entry(Action::EndPeer, "end_peer", &[], Palette, "", "end this peer, too: silence"),
];

/// The first line of the table that does `action`.
#[must_use]
pub fn entry_of(action: Action) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.action == action)
}
