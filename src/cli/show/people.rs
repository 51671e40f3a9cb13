//! Who is where, and how loud you hear them.

use super::{Show, bare, columns, db, path_name, recording_lines, row, yes_no};
use crate::peer::api::{Delay, Joined, Levels, Listing, Me, Mic, MicState, Participant, Status, Strip};

impl Show for Status {
    fn lines(&self) -> Vec<String> {
        let mut facts = vec![
            row(["you", &format!("{} ({}), profile {}", self.me.name, self.me.fingerprint, self.profile)]),
            row(["mic", &self.mic.to_string()]),
        ];
        facts.push(match &self.jam {
            Some(jam) => row(["jam", &format!("{}, {} of {} people", jam.name, jam.people.len(), jam.max)]),
            None => row(["jam", "none: you are in the lobby"]),
        });
        facts.push(match &self.card {
            Some(card) => row(["card", &card.to_string()]),
            None if self.card_trouble.is_empty() => row(["card", "not open yet"]),
            None => row(["card", &format!("none: {}", self.card_trouble)]),
        });
        facts.push(row(["sends", &self.format]));
        let Levels { input_peak_db, output_peak_db, .. } = self.levels;
        facts.push(row([
            "level",
            &format!("in {}, out {}", db(Some(input_peak_db)), db(Some(output_peak_db))),
        ]));
        facts.extend(self.addresses.iter().map(|address| row(["at", address])));
        let mut lines = columns(&facts);
        if let Some(jam) = &self.jam {
            let people: Vec<Vec<String>> = jam.people.iter().map(person_fields).collect();
            lines.extend(columns(&people).into_iter().map(|line| format!("  {line}")));
        }
        lines.extend(self.recording.iter().flat_map(recording_lines));
        lines
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![
            row(["profile", &self.profile]),
            row(["pid", &self.pid.to_string()]),
            row(["version", &self.version]),
            row(["name", &self.me.name]),
            row(["key", &self.me.key]),
            row(["mic", &self.mic.to_string()]),
            row(["jam", self.jam.as_ref().map_or("", |jam| &jam.name)]),
            row(["card", self.card.as_ref().map_or("", |card| &card.description)]),
            row(["format", &self.format]),
        ];
        rows.extend(self.addresses.iter().map(|address| row(["address", address])));
        for person in self.jam.iter().flat_map(|jam| &jam.people) {
            rows.push(row([
                "person",
                &person.key,
                &person.name,
                &person.mic.to_string(),
                if person.away { "away" } else { "here" },
                path_name(person.path),
                &bare(person.peak_db),
            ]));
        }
        rows
    }
}

fn person_fields(person: &Participant) -> Vec<String> {
    let strip = person.strip.as_ref();
    let marks = [
        (person.you, "you"),
        (person.steward, "steward"),
        (person.away, "away"),
        (strip.is_some_and(|strip| strip.muted), "MUTE"),
        (strip.is_some_and(|strip| strip.solo), "SOLO"),
        (strip.is_some_and(|strip| strip.howl_cut), "FEEDBACK CUT"),
    ];
    let marks: Vec<&str> = marks.iter().filter(|(set, _)| *set).map(|(_, mark)| *mark).collect();
    vec![
        called(&person.name, person.avatar.as_deref()),
        says(&person.plays, &person.interests),
        person.mic.to_string(),
        if person.you { String::new() } else { format!("peak {}", db(person.peak_db)) },
        strip.map_or_else(String::new, |strip| format!("{:+.1} dB", strip.gain_db)),
        if person.you { String::new() } else { path_name(person.path).to_owned() },
        marks.join(" "),
    ]
}

/// A name with its avatar.
fn called(name: &str, avatar: Option<&str>) -> String {
    avatar.map_or_else(|| name.to_owned(), |avatar| format!("{name} {avatar}"))
}

/// What someone plays and likes.
fn says(plays: &[String], interests: &[String]) -> String {
    let likes = (!interests.is_empty()).then(|| format!("likes {}", interests.join(", ")));
    let plays = (!plays.is_empty()).then(|| plays.join(", "));
    plays.into_iter().chain(likes).collect::<Vec<_>>().join("; ")
}

impl Show for Listing {
    fn lines(&self) -> Vec<String> {
        if self.jams.is_empty() && self.people.is_empty() {
            return vec!["nobody else is on this network yet".to_owned()];
        }
        let mut rows = Vec::new();
        for jam in &self.jams {
            let people: Vec<&str> = jam.people.iter().map(|person| person.name.as_str()).collect();
            let marks = [(jam.here, "you are in it"), (jam.closed, "closed: needs a code word")];
            let marks: Vec<&str> = marks.iter().filter(|(set, _)| *set).map(|(_, mark)| *mark).collect();
            rows.push(row([
                "jam",
                &jam.name,
                &format!("{} of {}", jam.count, jam.max),
                &people.join(", "),
                &marks.join(", "),
            ]));
        }
        for person in &self.people {
            let place = match (&person.jam, person.blocked) {
                (_, true) => "blocked by you".to_owned(),
                (Some(jam), _) => format!("in {jam}"),
                (None, _) => "in the lobby".to_owned(),
            };
            let name = called(&person.name, person.avatar.as_deref());
            let says = says(&person.plays, &person.interests);
            rows.push(row(["person", &name, &person.fingerprint, &says, &place]));
        }
        columns(&rows)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let jams = self.jams.iter().map(|jam| {
            let (count, max) = (jam.count.to_string(), jam.max.to_string());
            let form = if jam.closed { "closed" } else { "open" };
            row(["jam", &jam.id, &jam.name, &count, &max, form, yes_no(jam.here)])
        });
        let people = self.people.iter().map(|person| {
            let jam = person.jam.as_deref().unwrap_or_default();
            row([
                "person",
                &person.key,
                &person.name,
                &person.plays.join(","),
                jam,
                yes_no(person.blocked),
                &person.interests.join(","),
                person.colour.as_deref().unwrap_or_default(),
                person.avatar.as_deref().unwrap_or_default(),
            ])
        });
        jams.chain(people).collect()
    }
}

impl Show for Joined {
    fn lines(&self) -> Vec<String> {
        let others: Vec<&str> =
            self.jam.people.iter().filter(|person| !person.you).map(|person| person.name.as_str()).collect();
        vec![if others.is_empty() {
            format!("you are in {}, nobody else is yet", self.jam.name)
        } else {
            format!("you are in {} with {}", self.jam.name, others.join(", "))
        }]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![row(["jam", &self.jam.id, &self.jam.name, &self.jam.people.len().to_string()])]
    }
}

impl Show for Mic {
    fn lines(&self) -> Vec<String> {
        let meaning = match self.mic {
            MicState::Live => "others hear you",
            MicState::Muted => "others do not hear you",
            MicState::Listen => "you only listen",
            MicState::Panic => "silence both ways until `jamtty do panic.off`",
        };
        vec![format!("{}: {meaning}", self.mic)]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![row(["mic", &self.mic.to_string()])]
    }
}

impl Show for Strip {
    fn lines(&self) -> Vec<String> {
        let mut line = format!(
            "{}: {:+.1} dB, pan {:+.2}, held back {}",
            self.who,
            self.gain_db,
            self.pan,
            delay_words(&self.delay)
        );
        for (set, mark) in [(self.muted, "MUTE"), (self.solo, "SOLO"), (self.howl_cut, "FEEDBACK CUT")] {
            if set {
                line.push_str(", ");
                line.push_str(mark);
            }
        }
        vec![line]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let (gain, pan) = (self.gain_db.to_string(), self.pan.to_string());
        vec![row([
            "strip",
            &self.who.key,
            &self.who.name,
            &gain,
            &pan,
            yes_no(self.muted),
            yes_no(self.solo),
            &self.delay,
        ])]
    }
}

impl Show for Delay {
    fn lines(&self) -> Vec<String> {
        vec![format!("{}: held back {}", self.who, delay_words(&self.delay))]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![row(["delay", &self.who.key, &self.who.name, &self.delay])]
    }
}

/// `auto` as the wire has it, a number with its unit.
fn delay_words(delay: &str) -> String {
    match delay {
        "auto" => "as the network needs (auto)".to_owned(),
        "quick" => "as little as it can be (quick)".to_owned(),
        "safe" => "longer, to be safe (safe)".to_owned(),
        ms => format!("{ms} ms"),
    }
}

impl Show for Me {
    fn lines(&self) -> Vec<String> {
        let or_nothing = |text: String| if text.is_empty() { "nothing said".to_owned() } else { text };
        let name = if self.shares("name") {
            self.name.clone()
        } else {
            format!("{} (others see {})", self.name, self.fingerprint)
        };
        let fields = [
            ("name", name),
            ("plays", or_nothing(self.plays.join(", "))),
            ("interests", or_nothing(self.interests.join(", "))),
            ("colour", self.colour.clone().unwrap_or_else(|| "none".to_owned())),
            ("avatar", self.avatar.clone().unwrap_or_else(|| "none".to_owned())),
        ];
        let mut rows: Vec<Vec<String>> = fields
            .iter()
            .map(|(field, value)| {
                row([field, if self.shares(field) { "shared" } else { "only here" }, value])
            })
            .collect();
        rows.push(row(["fingerprint", "always", &self.fingerprint]));
        rows.push(row(["key", "always", &self.key]));
        columns(&rows)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![
            row(["name", &self.name]),
            row(["plays", &self.plays.join(",")]),
            row(["interests", &self.interests.join(",")]),
            row(["colour", self.colour.as_deref().unwrap_or_default()]),
            row(["avatar", self.avatar.as_deref().unwrap_or_default()]),
            row(["shared", &self.shared.join(",")]),
            row(["fingerprint", &self.fingerprint]),
            row(["key", &self.key]),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::api::ListedPerson;

    #[test]
    fn a_listing_says_who_is_where() {
        let person = ListedPerson {
            key: "00".repeat(32),
            fingerprint: "0000-0000".into(),
            name: "Bo".into(),
            plays: vec!["bass".into()],
            interests: vec!["drone".into()],
            colour: Some("teal".into()),
            avatar: Some("<3".into()),
            jam: Some("Kitchen blues".into()),
            addresses: Vec::new(),
            blocked: false,
        };
        let listing = Listing { jams: Vec::new(), people: vec![person] };
        assert_eq!(listing.lines(), ["person  Bo <3  0000-0000  bass; likes drone  in Kitchen blues"]);
        assert_eq!(listing.rows()[0][4..], ["Kitchen blues", "no", "drone", "teal", "<3"]);
        assert_eq!(Listing::default().lines().len(), 1);
    }

    #[test]
    fn who_you_are_says_of_each_field_whether_others_see_it() {
        let me = Me {
            key: "00".into(),
            fingerprint: "0000-0000".into(),
            name: "Bo".into(),
            plays: vec!["bass".into()],
            interests: Vec::new(),
            colour: Some("teal".into()),
            avatar: Some("<3".into()),
            shared: vec!["plays".into(), "avatar".into()],
        };
        assert_eq!(
            me.lines(),
            [
                "name         only here  Bo (others see 0000-0000)",
                "plays        shared     bass",
                "interests    only here  nothing said",
                "colour       only here  teal",
                "avatar       shared     <3",
                "fingerprint  always     0000-0000",
                "key          always     00",
            ]
        );
        assert_eq!(me.rows()[5], ["shared", "plays,avatar"]);
    }
}
