//! How sound is sent, comes, and goes in and out.

use super::{Show, bare, columns, db, path_name, row, yes_no};
use crate::peer::api::{
    Cards, Doctor, Format, InputLevel, Inputs, Levels, Link, Links, ListedCard, RoundTrip,
};

impl Show for Format {
    fn lines(&self) -> Vec<String> {
        let form = if self.channels == 1 { "mono" } else { "stereo" };
        vec![format!("{} {form}, {:.2} ms frames, {:.0} kbit/s", self.codec, self.frame_ms, self.kbit_s)]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let (channels, frame, rate) =
            (self.channels.to_string(), self.frame_ms.to_string(), self.kbit_s.to_string());
        vec![row(["format", &self.codec, &channels, &frame, &rate])]
    }
}

impl Show for Links {
    fn lines(&self) -> Vec<String> {
        if self.links.is_empty() {
            return vec!["no link: nobody else is in your jam".to_owned()];
        }
        let head = [
            "who", "one way", "capture", "net", "buffer", "play", "jitter", "lost", "hidden", "drift", "path",
        ];
        let mut rows = vec![row(head)];
        rows.extend(self.links.iter().map(link_fields));
        let mut lines = columns(&rows);
        lines.push(
            "times in ms; one way = capture + net + buffer + play, as standing 1 m apart for every 3 ms"
                .to_owned(),
        );
        lines
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let fields = |link: &Link| {
            row([
                &link.who.key,
                &link.who.name,
                path_name(link.path),
                &bare(link.one_way_ms),
                &bare(link.figures.rtt_ms),
                &bare(link.figures.jitter_ms),
                &bare(link.figures.playout_delay_ms),
                &bare(link.figures.lost_pct),
                &link.figures.lost.to_string(),
                &link.figures.late.to_string(),
                &link.figures.concealed.to_string(),
                &bare(link.figures.drift_ppm),
                &bare(link.figures.kbit_s),
            ])
        };
        self.links.iter().map(fields).collect()
    }
}

fn link_fields(link: &Link) -> Vec<String> {
    row([
        &link.who.name,
        &ms(link.one_way_ms),
        &ms(link.capture_ms),
        &ms(link.net_ms),
        &ms(link.buffer_ms),
        &ms(link.play_ms),
        &ms(link.figures.jitter_ms),
        &link.figures.lost_pct.map_or_else(|| "-".to_owned(), |lost| format!("{lost:.2} %")),
        &link.figures.concealed.to_string(),
        &link.figures.drift_ppm.map_or_else(|| "-".to_owned(), |ppm| format!("{ppm:+.0} ppm")),
        path_name(link.path),
    ])
}

impl Show for Cards {
    fn lines(&self) -> Vec<String> {
        if self.cards.is_empty() {
            return vec![
                "no sound card found; `jamtty peer --null` runs without one, `jamtty doctor` says more"
                    .to_owned(),
            ];
        }
        let mut rows = vec![row(["host", "name", "in", "out", "rates", "", "description"])];
        for card in &self.cards {
            let default = match (card.default_input, card.default_output) {
                (true, true) => "default",
                (true, false) => "default in",
                (false, true) => "default out",
                (false, false) => "",
            };
            let rates: Vec<String> =
                card.rates_hz.iter().map(|hz| format!("{}", f64::from(*hz) / 1_000.0)).collect();
            let (inputs, outputs) = (card.input_channels.to_string(), card.output_channels.to_string());
            let rates = if rates.is_empty() { "?".to_owned() } else { format!("{} kHz", rates.join("/")) };
            rows.push(row([&card.host, &card.name, &inputs, &outputs, &rates, default, &card.description]));
        }
        columns(&rows)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let fields = |card: &ListedCard| {
            let (inputs, outputs) = (card.input_channels.to_string(), card.output_channels.to_string());
            row([
                &card.host,
                &card.name,
                &inputs,
                &outputs,
                yes_no(card.default_input),
                yes_no(card.default_output),
                &card.description,
            ])
        };
        self.cards.iter().map(fields).collect()
    }
}

impl Show for Levels {
    fn lines(&self) -> Vec<String> {
        let Self { input_peak_db, input_rms_db, input_clips, output_peak_db, output_rms_db, output_clips } =
            *self;
        let side = |name: &str, peak, rms, clips: u64| {
            format!("{name} peak {:>9} rms {:>9} clips {clips:<4}", db(Some(peak)), db(Some(rms)))
        };
        let line = side("in ", input_peak_db, input_rms_db, input_clips)
            + "  "
            + &side("out", output_peak_db, output_rms_db, output_clips);
        vec![line.trim_end().to_owned()]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let side = |name, peak: f32, rms: f32, clips: u64| {
            row([name, &peak.to_string(), &rms.to_string(), &clips.to_string()])
        };
        vec![
            side("in", self.input_peak_db, self.input_rms_db, self.input_clips),
            side("out", self.output_peak_db, self.output_rms_db, self.output_clips),
        ]
    }
}

impl Show for Inputs {
    fn lines(&self) -> Vec<String> {
        if self.inputs.is_empty() {
            let words = if self.looking { "the inputs are being opened" } else { "no input found" };
            return vec![words.to_owned()];
        }
        let line = |input: &InputLevel| {
            let level = if input.why.is_empty() { db(input.peak_db) } else { "-".to_owned() };
            let each: Vec<String> = input.channels_db.iter().map(|peak| format!("{peak:.0}")).collect();
            let rest = match (input.why.is_empty(), input.in_use) {
                (false, _) => format!("{}: {}", input.why, input.remedy),
                (true, true) => "in use here".to_owned(),
                (true, false) => String::new(),
            };
            row([&input.name, &level, &each.join(" "), &rest])
        };
        let mut rows = vec![row(["input", "peak", "each channel", ""])];
        rows.extend(self.inputs.iter().map(line));
        columns(&rows)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let fields = |input: &InputLevel| {
            let each: Vec<String> = input.channels_db.iter().map(ToString::to_string).collect();
            let in_use = yes_no(input.in_use);
            row([&input.host, &input.name, &bare(input.peak_db), &each.join(","), in_use, &input.why])
        };
        self.inputs.iter().map(fields).collect()
    }
}

impl Show for RoundTrip {
    fn lines(&self) -> Vec<String> {
        let Self { round_trip_ms, round_trip_samples, heard_db } = *self;
        vec![format!(
            "round trip {round_trip_ms:.2} ms, {round_trip_samples} samples of 48 kHz; heard at {heard_db:.0} dB"
        )]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let Self { round_trip_ms, round_trip_samples, heard_db } = *self;
        vec![row([
            "round_trip",
            &round_trip_ms.to_string(),
            &round_trip_samples.to_string(),
            &heard_db.to_string(),
        ])]
    }
}

impl Show for Doctor {
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for interface in &self.interfaces {
            lines.push(format!("network {}: {}", interface.name, interface.addresses.join(", ")));
        }
        if self.media_port != 0 {
            lines.push(format!("sound on UDP port {}", self.media_port));
        }
        let threads = &self.status.threads;
        lines.extend(threads.iter().map(|one| format!("{} thread: {}", one.thread, one.priority)));
        for finding in &self.findings {
            lines.extend(finding_lines(&finding.what, &finding.why, &finding.remedy));
        }
        lines
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let interfaces = self
            .interfaces
            .iter()
            .map(|interface| row(["interface", &interface.name, &interface.addresses.join(",")]));
        let threads = self.status.threads.iter().map(|one| row(["thread", &one.thread, &one.priority]));
        let counters = self.counters.iter().map(|(name, count)| row(["counter", name, &count.to_string()]));
        let findings = self
            .findings
            .iter()
            .map(|finding| row(["finding", &finding.what, &finding.why, &finding.remedy]));
        interfaces.chain(threads).chain(counters).chain(findings).collect()
    }
}

pub(in crate::cli) fn finding_lines(what: &str, why: &str, remedy: &str) -> [String; 3] {
    [format!("! {what}"), format!("  why: {why}"), format!("  do:  {remedy}")]
}

fn ms(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
}
