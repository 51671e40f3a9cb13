//! The command line against a peer that answers from a script: what is printed where, and with which exit code.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails its test")]

#[cfg(test)]
mod cli_support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use cli_support::{Home, said};
use jamtty::cli::EXIT_CODES;
use serde_json::{Value, json};

impl Home {
    /// A peer that answers `turns` requests: one line in, the lines that `answer` gives out.
    fn peer(&self, turns: usize, answer: fn(&Value) -> Vec<Value>) -> JoinHandle<Vec<Value>> {
        let listener = UnixListener::bind(self.0.path().join("run/jamtty/default.sock")).unwrap();
        thread::spawn(move || {
            let mut asked = Vec::new();
            while asked.len() < turns {
                let (client, _) = listener.accept().unwrap();
                serve(client, turns, &mut asked, answer);
            }
            asked
        })
    }
}

fn serve(client: UnixStream, turns: usize, asked: &mut Vec<Value>, answer: fn(&Value) -> Vec<Value>) {
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut writer = client.try_clone().unwrap();
    for line in BufReader::new(client).lines() {
        let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let lines: String = answer(&request).iter().map(|line| format!("{line}\n")).collect();
        asked.push(request);
        if writer.write_all(lines.as_bytes()).is_err() || asked.len() == turns {
            return;
        }
    }
}

fn ok(request: &Value, data: &Value) -> Vec<Value> {
    vec![json!({"v": 1, "id": request["id"], "ok": true, "data": data})]
}

fn refused(request: &Value, code: u8) -> Vec<Value> {
    let error =
        json!({"code": code, "what": "cannot join Stage", "why": "wrong code word", "remedy": "Ask for it"});
    vec![json!({"v": 1, "id": request["id"], "ok": false, "error": error})]
}

fn event(name: &str, mut fields: Value) -> Value {
    fields["v"] = json!(1);
    fields["at"] = json!("2026-11-22T20:15:00.123Z");
    fields["event"] = json!(name);
    fields
}

fn status(mic: &str) -> Value {
    json!({
        "profile": "default", "pid": 1, "version": "0.1.0", "uptime_s": 1, "place": "lobby",
        "me": {"key": "00", "fingerprint": "0000-0000", "name": "Ana", "plays": []},
        "mic": mic, "monitor_db": null, "master_db": 0.0, "format": "opus mono", "card": null,
        "card_trouble": "", "jam": null, "addresses": ["127.0.0.1:5000"],
        "levels": {"input_peak_db": -18.0, "input_rms_db": -24.0, "input_clips": 0,
            "output_peak_db": -100.0, "output_rms_db": -100.0, "output_clips": 0},
    })
}

#[test]
fn wrong_use_is_2_and_says_what_is_wrong() {
    let home = Home::new();
    for (args, says) in [
        (&["jion", "x"][..], "join"),
        (&["peer", "--codec", "mp3"], "\"opus\", \"pcm16\" or \"pcm24\""),
        (&["peer", "--period", "7"], "16 to 4096"),
        (&["peer", "--new", "A", "--join", "B"], "cannot be used with"),
        (&["peer", "--null", "--in", "hw:0"], "cannot be used with"),
        (&["peer", "--in-file", "-"], "--raw f32le,48000,1"),
        (&["peer", "--in-file", "-", "--raw", "f32le,48000,1", "--code-file", "-"], "stdin"),
        (&["peer", "--delay", "soon"], "\"quick\""),
        (&["do", "mic.of"], "did you mean mic.off?"),
        (&["do", "-", "mic.off"], "stdin"),
        (&["watch", "joind"], "did you mean joined?"),
        (&["status", "--wait", "never"], "live"),
        (&["link", "--for", "soon"], "ms, s, m or h"),
        (&["join"], "--last"),
        (&["join", "x", "--first"], "cannot be used with"),
        (&["ls", "--json", "--plain"], "cannot be used with"),
        (&["status", "--profile", "../x"], "a-z"),
        (&["audio"], "Usage: jamtty audio"),
        (&["audio", "set"], "Usage: jamtty audio set"),
        (&["me", "set"], "Usage: jamtty me set"),
        (&["me", "set", "--colour", "tael"], "takes red, gold, green, teal, sky, violet or none"),
        (&["me", "set", "--avatar", "d[-_-]b"], "at most 4 columns wide, this one is 7"),
        (&["me", "set", "--share", "plays,color"], "did you mean colour?"),
        (&["config", "get", "audio.priod"], "did you mean audio.period?"),
        (&["help", "jion"], "Did you mean join?"),
    ] {
        let (stdout, stderr, code) = home.run(args);
        assert_eq!((stdout.as_str(), code), ("", 2), "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
    }
}

#[test]
fn without_a_running_peer_it_is_said_how_to_start_one() {
    let home = Home::new();
    let verbs: [&[&str]; 12] = [
        &["new"],
        &["join", "x"],
        &["leave"],
        &["ls"],
        &["status"],
        &["do", "mic.off"],
        &["do", "-"],
        &["watch"],
        &["link"],
        &["ticket"],
        &["quit"],
        &["ls", "--watch"],
    ];
    for args in verbs {
        let (stdout, stderr, code) = home.run(args);
        assert_eq!((stdout.as_str(), code), ("", 69), "{args:?}");
        assert!(stderr.contains("no peer of profile default runs here"), "{stderr}");
        assert!(stderr.contains("`jamtty peer --new NAME`"), "{stderr}");
    }
    let (_, stderr, _) = home.run(&["status", "--profile", "stage"]);
    assert!(stderr.contains("profile stage"), "{stderr}");
    // What a killed peer leaves behind is no peer.
    drop(UnixListener::bind(home.0.path().join("run/jamtty/default.sock")).unwrap());
    assert_eq!(home.run(&["status"]).2, 69);
}

#[test]
fn the_code_of_an_error_is_the_exit_code_and_its_parts_are_on_stderr() {
    for (code, _) in EXIT_CODES.iter().filter(|(code, _)| ![0, 3, 130, 143].contains(code)) {
        let home = Home::new();
        let peer = match code {
            1 => home.peer(1, |request| refused(request, 1)),
            2 => home.peer(1, |request| refused(request, 2)),
            65 => home.peer(1, |request| refused(request, 65)),
            66 => home.peer(1, |request| refused(request, 66)),
            69 => home.peer(1, |request| refused(request, 69)),
            70 => home.peer(1, |request| refused(request, 70)),
            73 => home.peer(1, |request| refused(request, 73)),
            74 => home.peer(1, |request| refused(request, 74)),
            75 => home.peer(1, |request| refused(request, 75)),
            76 => home.peer(1, |request| refused(request, 76)),
            77 => home.peer(1, |request| refused(request, 77)),
            78 => home.peer(1, |request| refused(request, 78)),
            124 => home.peer(1, |request| refused(request, 124)),
            other => panic!("no case for {other}"),
        };
        let (stdout, stderr, exit) = home.run(&["join", "Stage"]);
        assert_eq!((stdout.as_str(), exit), ("", i32::from(*code)));
        assert_eq!(stderr, "jamtty: cannot join Stage: wrong code word. Ask for it\n");
        peer.join().unwrap();
    }
}

#[test]
fn flags_of_new_and_join_become_arguments() {
    let home = Home::new();
    fs::write(home.0.path().join("word"), "blue moon\n").unwrap();
    let file = home.0.path().join("word");
    let file = file.to_str().unwrap();
    let peer = home.peer(3, |request| refused(request, 75));
    home.run(&["new", "Kitchen blues", "--max", "4", "--code-file", file]);
    home.run(&["join", "--last", "--listen"]);
    let mut command = home.command(&["join", "Stage", "--code-file", "-"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"red sun\nmore\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(75));
    let asked: Vec<Value> = peer.join().unwrap().iter().map(|request| request["args"].clone()).collect();
    assert_eq!(asked[0], json!(["name=Kitchen blues", "max=4", "code=blue moon"]));
    assert_eq!(asked[1], json!(["last", "listen"]));
    assert_eq!(asked[2], json!(["name=Stage", "code=red sun"]));
    assert_eq!(home.run(&["join", "Stage", "--code-file", "/nonexistent"]).2, 66);
    assert_eq!(home.run(&["join", "Stage", "--code-file", "/dev/null"]).2, 65);
}

#[test]
fn one_status_has_three_forms() {
    let home = Home::new();
    let peer = home.peer(3, |request| ok(request, &status("muted")));
    let (human, _, code) = home.run(&["status"]);
    assert!(code == 0 && human.contains("MUTED") && human.contains("127.0.0.1:5000"), "{human}");
    let (plain, _, _) = home.run(&["status", "--plain"]);
    assert!(plain.lines().all(|line| line.contains('\t')) && plain.contains("mic\tMUTED\n"), "{plain}");
    let (text, _, _) = home.run(&["--json", "status"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((text.lines().count(), &json["v"], &json["mic"]), (1, &json!(1), &json!("muted")));
    peer.join().unwrap();
}

#[test]
fn waiting_ends_when_it_is_so_or_with_124() {
    let home = Home::new();
    let (_, stderr, code) = home.run(&["status", "--wait", "ready", "--for", "100ms"]);
    assert!(code == 124 && stderr.contains("no peer answers"), "{stderr}");
    let waiting = home.command(&["status", "--wait", "ready", "-q"]).stdout(Stdio::piped()).spawn().unwrap();
    let peer = home.peer(1, |request| ok(request, &status("live")));
    assert_eq!(said(waiting.wait_with_output().unwrap()).2, 0);
    peer.join().unwrap();
    fs::remove_file(home.0.path().join("run/jamtty/default.sock")).unwrap();
    let peer = home.peer(1, |request| ok(request, &status("live")));
    let (_, stderr, code) = home.run(&["status", "--wait", "live", "--for", "0ms"]);
    assert!(code == 124 && stderr.contains("it is in no jam"), "{stderr}");
    peer.join().unwrap();
}

#[test]
fn a_list_of_actions_goes_on_after_a_mistake_and_ends_with_the_first_failure() {
    let home = Home::new();
    let peer = home.peer(3, |request| match request["do"].as_str() {
        Some("mic.off") => ok(request, &json!({"mic": "muted"})),
        Some("chat") => ok(request, &Value::Null),
        _ => refused(request, 77),
    });
    let mut command = home.command(&["do", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"# begin\nkick Bo\nfadr Bo 3\nmic.off\n\nchat \"back in five\"\n")
        .unwrap();
    let (stdout, stderr, code) = said(child.wait_with_output().unwrap());
    assert_eq!((stdout.as_str(), code), ("MUTED: others do not hear you\n", 77));
    assert!(stderr.contains("line 2: cannot join Stage") && stderr.contains("line 3:"), "{stderr}");
    assert!(stderr.contains("did you mean fader?"), "{stderr}");
    let asked = peer.join().unwrap();
    assert_eq!(asked[2]["args"], json!(["back in five"]));
}

#[test]
fn negative_numbers_reach_the_peer() {
    let home = Home::new();
    let peer = home.peer(1, |request| refused(request, 69));
    home.run(&["do", "fader", "Bo", "-3.5"]);
    assert_eq!(peer.join().unwrap()[0]["args"], json!(["Bo", "-3.5"]));
}

#[test]
fn watch_counts_events_and_its_time_runs_out() {
    let answer: fn(&Value) -> Vec<Value> = |request| {
        let mut lines = ok(request, &Value::Null);
        lines.push(event("participant_joined", json!({"who": {"key": "00", "name": "Bo"}})));
        lines.push(event("chat", json!({"who": {"key": "00", "name": "Bo"}, "text": "a\tb"})));
        lines
    };
    let home = Home::new();
    let peer = home.peer(1, answer);
    let (stdout, _, code) = home.run(&["watch", "--count", "2", "--plain"]);
    let rows: Vec<Vec<&str>> = stdout.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!((code, rows.len()), (0, 2));
    assert_eq!(rows[0], ["2026-11-22T20:15:00.123Z", "participant_joined", "Bo joined"]);
    assert_eq!(rows[1].len(), 3, "a tab in a text does not make a field");
    peer.join().unwrap();
    fs::remove_file(home.0.path().join("run/jamtty/default.sock")).unwrap();

    let peer = home.peer(2, answer);
    let (stdout, _, code) = home.run(&["watch", "chat", "--count", "3", "--for", "300ms", "--json"]);
    assert_eq!(code, 124);
    assert!(stdout.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["v"] == 1), "{stdout}");
    drop(
        UnixStream::connect(home.0.path().join("run/jamtty/default.sock")).unwrap().write_all(b"{\"v\":1}\n"),
    );
    assert_eq!(peer.join().unwrap()[0]["args"], json!(["chat"]));
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let home = Home::new();
    for args in
        [&["man"][..], &["--help"], &["completions", "zsh"], &["config", "default"], &["config", "get"]]
    {
        let mut command = home.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_full_disk_under_stdout_is_73() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("skipped: no /dev/full here");
        return;
    };
    let output = Home::new().command(&["config", "default"]).stdout(full).output().unwrap();
    let (_, stderr, code) = said(output);
    assert!(code == 73 && stderr.contains("cannot write to stdout"), "{stderr}");
}

#[test]
fn a_peer_of_another_version_is_said() {
    let home = Home::new();
    let peer = home.peer(1, |request| vec![json!({"v": 2, "id": request["id"], "ok": true})]);
    let (_, stderr, code) = home.run(&["status"]);
    assert!(code == 76 && stderr.contains("version 2, this is 1"), "{stderr}");
    peer.join().unwrap();
}

#[test]
fn no_output_has_colour() {
    let home = Home::new();
    for args in [&["--help"][..], &["jion"], &["config", "get"], &["status"]] {
        let output =
            home.command(args).env("CLICOLOR_FORCE", "1").env("TERM", "xterm-256color").output().unwrap();
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{args:?}");
    }
}

#[test]
fn a_card_is_chosen_for_the_running_peer_or_else_in_the_config() {
    let home = Home::new();
    let (_, stderr, code) = home.run(&["audio", "set", "--in", "hw:1", "--period", "128"]);
    assert_eq!(code, 0, "{stderr}");
    let config = fs::read_to_string(home.0.path().join("config/jamtty/config.toml")).unwrap();
    assert_eq!(config, "[audio]\ninput = \"hw:1\"\nperiod = 128\n");
    assert_eq!(home.run(&["audio", "set", "--null"]).2, 2);

    let peer = home.peer(1, |request| ok(request, &Value::Null));
    let (_, stderr, code) = home.run(&[
        "audio",
        "set",
        "--in",
        "hw:2",
        "--out",
        "auto",
        "--channels",
        "stereo",
        "--audio",
        "jack",
    ]);
    assert!(code == 0 && stderr.contains("for this run"), "{stderr}");
    assert_eq!(peer.join().unwrap()[0]["args"], json!(["in=hw:2", "host=jack", "channels=2"]));
}

#[test]
fn every_field_of_the_card_is_set_by_a_flag_of_its_name() {
    let flags =
        ["--interests", "jazz,drone", "--colour", "teal", "--avatar", "-_-", "--share", "plays,colour"];
    let args = json!(["interests=jazz,drone", "colour=teal", "avatar=-_-", "share=plays,colour"]);
    for (form, says) in [
        ("--plain", "interests\tjazz,drone\ncolour\tteal\navatar\t-_-\nshared\tplays,colour\n"),
        ("--json", "\"shared\":[\"plays\",\"colour\"]"),
        ("--verbose", "name         only here  Bo (others see 0000-0000)\nplays        shared     bass\n"),
    ] {
        let home = Home::new();
        let peer = home.peer(1, |request| {
            let me = json!({"key": "00", "fingerprint": "0000-0000", "name": "Bo", "plays": ["bass"],
                "interests": ["jazz", "drone"], "colour": "teal", "avatar": "-_-", "shared": ["plays", "colour"]});
            ok(request, &me)
        });
        let (stdout, stderr, code) = home.run(&[&["me", "set"], flags.as_slice(), &[form]].concat());
        assert!(code == 0 && stdout.contains(says), "{form}: {stdout}{stderr}");
        assert_eq!(peer.join().unwrap()[0]["args"], args);
    }
}

#[test]
fn a_name_that_the_config_will_overrule_is_said() {
    let home = Home::new();
    let me = json!({"key": "00", "fingerprint": "0000-0000", "name": "Bo", "plays": ["bass"]});
    fs::create_dir_all(home.0.path().join("config/jamtty")).unwrap();
    fs::write(home.0.path().join("config/jamtty/config.toml"), "name = \"Ana\"\n").unwrap();
    let listener = UnixListener::bind(home.0.path().join("run/jamtty/default.sock")).unwrap();
    let peer = thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(client.try_clone().unwrap()).read_line(&mut line).unwrap();
        let request: Value = serde_json::from_str(&line).unwrap();
        let mut client = client;
        writeln!(client, "{}", ok(&request, &me)[0]).unwrap();
        request
    });
    let (stdout, stderr, code) = home.run(&["me", "set", "--name", "Bo", "--plays", "bass", "--plain"]);
    assert!(code == 0 && stdout.contains("name\tBo\n"), "{stdout}{stderr}");
    assert!(stderr.contains("config.toml:1") && !stderr.contains("plays"), "{stderr}");
    assert_eq!(peer.join().unwrap()["args"], json!(["name=Bo", "plays=bass"]));
}
