//! What a client asks: one request a line, naming one of a table of actions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request: `{"v":1,"id":7,"do":"fader","args":["Bo","-3"]}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestLine {
    /// [`super::API_VERSION`].
    pub v: u32,
    /// Chosen by the client; comes back in the reply.
    #[serde(default)]
    pub id: u64,
    /// The name of an action of [`ACTIONS`].
    #[serde(rename = "do")]
    pub action: String,
    /// Its arguments in order, then its options as `key=value`. Numbers and booleans are taken as
    /// their text.
    #[serde(default, deserialize_with = "texts")]
    pub args: Vec<String>,
}

/// Reads a list of strings, numbers and booleans as strings.
fn texts<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let values = Vec::<Value>::deserialize(deserializer)?;
    values
        .into_iter()
        .map(|value| match value {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(yes) => Ok(yes.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                Err(serde::de::Error::custom("args holds strings, numbers and booleans only"))
            }
        })
        .collect()
}

/// One action that a request, and `jamtty do`, may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionSpec {
    /// As in `"do":"mic.off"` and `jamtty do mic.off`.
    pub name: &'static str,
    /// Its arguments as people read them; empty if it takes none.
    pub args: &'static str,
    /// One line, lower case, without a period.
    pub help: &'static str,
    /// The name of the type of its reply's `data` in `api`; empty for `{}`.
    pub reply: &'static str,
}

const fn action(
    name: &'static str,
    args: &'static str,
    help: &'static str,
    reply: &'static str,
) -> ActionSpec {
    ActionSpec { name, args, help, reply }
}

/// Every action, in the order in which help shows them. PEER is a name, the beginning of a name,
/// a key or a fingerprint.
pub const ACTIONS: &[ActionSpec] = &[
    action("status", "", "what this peer is doing", "Status"),
    action("ls", "", "jams and people on this network", "Listing"),
    action("watch", "[EVENT...]", "follow events; with names, only those", ""),
    action("new", "[NAME|name=NAME] [code=WORD] [max=N] [listen]", "open a jam", "Joined"),
    action("join", "NAME|name=NAME|TICKET|ADDR|last|first [code=WORD] [listen]", "join a jam", "Joined"),
    action("leave", "", "leave the jam", ""),
    action("chat", "TEXT", "say something to everyone in the jam", ""),
    action("mic.on", "", "let others hear you", "Mic"),
    action("mic.off", "", "mute yourself for everyone", "Mic"),
    action("mic.toggle", "", "mic.on or mic.off, whichever it is not", "Mic"),
    action("panic", "", "silence both ways at the next block", "Mic"),
    action("panic.off", "", "back to how it was before panic", "Mic"),
    action("panic.toggle", "", "panic or panic.off, whichever it is not", "Mic"),
    action("monitor", "DB|off", "how loud you hear yourself, dry", ""),
    action("fader", "PEER DB", "set how loud you hear someone", "Strip"),
    action("fader.by", "PEER DB", "change how loud you hear someone", "Strip"),
    action("pan", "PEER POSITION", "place someone: -1 left, 0 middle, 1 right", "Strip"),
    action("pan.by", "PEER STEP", "move someone by this much, to the left if it is negative", "Strip"),
    action("mute", "PEER", "do not hear someone", "Strip"),
    action("unmute", "PEER", "hear someone again", "Strip"),
    action("mute.toggle", "PEER", "mute or unmute, whichever it is not", "Strip"),
    action("solo", "PEER", "hear only those who are solo", "Strip"),
    action("unsolo", "PEER", "end someone's solo", "Strip"),
    action("solo.toggle", "PEER", "solo or unsolo, whichever it is not", "Strip"),
    action("master", "DB", "how loud you hear everything", ""),
    action("master.by", "DB", "change how loud you hear everything", ""),
    action("delay", "PEER auto|quick|safe|MS", "how long someone's sound is held back", "Delay"),
    action("codec", "opus|pcm16|pcm24", "how your sound is written for the network", "Format"),
    action("frame", "MS", "length of one Opus frame: 2.5, 5 or 10", "Format"),
    action("bitrate", "KBPS", "Opus bit rate: 16 to 510", "Format"),
    action("kick", "PEER", "remove someone from the jam (steward)", ""),
    action("block", "PEER", "never meet someone again; removes them if you are steward", ""),
    action("unblock", "PEER", "take someone off the block list", ""),
    action("steward", "PEER", "hand the jam over to someone (steward)", ""),
    action("ticket", "", "a text with which others find this peer", "Ticket"),
    action("link", "[PEER]", "delay, jitter and loss between you and others", "Links"),
    action("audio.ls", "", "sound cards of this machine", "Cards"),
    action(
        "audio.set",
        "[in=DEV] [out=DEV] [host=HOST] [channels=N|left|right] [period=N] [null]",
        "change the sound card",
        "",
    ),
    action("audio.period", "N", "keep the sound card and change its block, in samples", ""),
    action("audio.test", "on|off", "a test tone in your own output", ""),
    action("audio.level", "", "how loud your input and your output are", "Levels"),
    action(
        "audio.inputs",
        "on|off",
        "how loud every input is; ends 2 s after it was asked for last",
        "Inputs",
    ),
    action("audio.measure", "", "the round trip from your output to your input, by a cable", "RoundTrip"),
    action("audio.loopback", "on|off", "hear yourself through codec and buffer, without a network", ""),
    action("howl.release", "[PEER]", "hear what the feedback guard cut", ""),
    action("me.show", "", "who you are, and what of it others see", "Me"),
    action(
        "me.set",
        "[name=NAME] [plays=A,B] [interests=A,B] [colour=WORD] [avatar=TEXT] [share=FIELD,..]",
        "change who you are, and what of it others see",
        "Me",
    ),
    action("rec.start", "[NAME]", "record the jam; everyone in it is asked", "RecordingNow"),
    action("rec.stop", "", "end the recording; of someone else's: be on it no more", "RecordingNow"),
    action("rec.toggle", "", "rec.start or rec.stop, whichever it is not", "RecordingNow"),
    action("rec.grab", "[SECONDS]", "keep what was played last, of everyone who agrees", "RecordingNow"),
    action("rec.agree", "", "let yourself be recorded", "RecordingNow"),
    action("rec.refuse", "", "do not let yourself be recorded", "RecordingNow"),
    action("rec.mark", "[TEXT]", "mark this moment of the recording", ""),
    action("rec.ls", "[WORDS]", "takes on this disk; with words, those in which all of them are", "Takes"),
    action("rec.show", "TAKE", "what is in a take", "TakeShown"),
    action("rec.rename", "TAKE NAME", "call a take something else", "TakeShown"),
    action("rec.tag", "TAKE TAG", "add a word to find a take by", "TakeShown"),
    action("rec.untag", "TAKE TAG", "take a word away again", "TakeShown"),
    action(
        "rec.note",
        "TAKE TEXT",
        "say something about a take, in place of what was said before",
        "TakeShown",
    ),
    action("rec.verify", "TAKE", "check a take against what was written", "TakeVerified"),
    action(
        "rec.export",
        "TAKE FOLDER [format=wav24|wav16|flac] [overwrite]",
        "write a take's tracks and projects into a folder",
        "TakeMoved",
    ),
    action("rec.import", "FOLDER", "copy a take's folder from elsewhere into the library", "TakeMoved"),
    action("rec.withdraw", "TAKE", "ask everyone who holds a take to take you out of it", "Withdrawal"),
    action(
        "rec.rm",
        "TAKE [forever]",
        "put a take into the bin for 30 days, or delete it for good",
        "TakeGone",
    ),
    action("rec.undo", "TAKE", "take a take out of the bin", "TakeGone"),
    action("doctor", "", "everything that can tell why it crackles", "Doctor"),
    action("quit", "", "leave the jam and end this peer", ""),
];
