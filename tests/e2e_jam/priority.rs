//! `audio.priority = false`: no thread of ours is raised, and each says so.

use std::fs;

use crate::support::{Peer, Room};

/// Scheduling policies of a process's threads (`sched(7)`): 0 is that of every program, 1 is `SCHED_FIFO`.
fn policies(peer: &Peer) -> Vec<u32> {
    let tasks = format!("/proc/{}/task", peer.tell("status", &[])["pid"]);
    let stats = fs::read_dir(tasks).unwrap().filter_map(|task| {
        // A thread may end while we look.
        fs::read_to_string(task.unwrap().path().join("stat")).ok()
    });
    // Field 41 of proc_pid_stat(5); the name in brackets, field 2, may hold blanks.
    stats
        .map(|stat| stat.rsplit_once(')').unwrap().1.split_whitespace().nth(38).unwrap().parse().unwrap())
        .collect()
}

#[test]
fn who_wants_no_raised_priority_has_none_and_reads_it() {
    let room = Room::new();
    let config = room.file("calm.toml", "[audio]\npriority = false\n");
    let mut ana = room.person("Ana").start(&["--null", "--new", "--config", &config]);
    let (_, opened) = ana.wait("card_opened");
    let words = "not raised: audio.priority is false";
    assert_eq!(opened["card"]["priority"], words);
    ana.until("for all threads to be known", |ana| {
        ana.tell("status", &[])["threads"].as_array().is_some_and(|threads| threads.len() == 3)
    });
    for thread in ana.tell("status", &[])["threads"].as_array().unwrap() {
        assert_eq!(thread["priority"], words, "{thread}");
    }
    let found = policies(&ana);
    assert!(found.len() > 3 && found.iter().all(|policy| *policy == 0), "{found:?}");
    assert!(!ana.saw("warning"), "it is as wanted, so nothing is amiss");
    ana.end();
}
