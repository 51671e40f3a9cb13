//! Sessions in virtual time: many machines, links that are cut, delayed and split, every run seeded.
//!
//! On failure the seed and the last deliveries are printed.

mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use jamtty::domain::mic::MicState;
use jamtty::domain::roster::Presence;
use jamtty::protocol::control::ControlMessage;
use jamtty::protocol::session::{JoinFailure, SEAT_KEPT, SessionCommand, SessionEvent};
use rand_chacha::rand_core::RngCore;

use world::{World, key, place, secs};

#[test]
fn eight_members_meet_and_agree() {
    let mut world = World::seeded(1, 8);
    world.jam(None);
    world.assert_agreed(&[0, 1, 2, 3, 4, 5, 6, 7]);
    world.check(world.state(5).steward == key(0), "the founder orders the changes");
    let (version, bytes) = (world.state(0).version, world.bytes);
    world.run(secs(60));
    world.check(world.state(0).version == version, "nothing changes while nothing happens");
    let per_second = (world.bytes - bytes) / 60 / 56;
    world.check(per_second < 2_000, &format!("{per_second} bytes a second from each to each"));
}

#[test]
fn who_asks_any_member_is_sent_on_to_the_steward() {
    let mut world = World::seeded(2, 3);
    world.create(0, None, 8);
    world.join(1, 0, None);
    world.run(secs(1));
    world.join(2, 1, None);
    world.run(secs(2));
    world.assert_agreed(&[0, 1, 2]);
}

#[test]
fn a_full_jam_refuses_and_a_seat_that_is_left_is_free() {
    let mut world = World::seeded(3, 3);
    world.create(0, None, 2);
    world.join(1, 0, None);
    world.run(secs(1));
    world.join(2, 0, None);
    world.run(secs(1));
    world.check(world.refusal(2) == Some(JoinFailure::Full { size_limit: 2 }), "full");
    world.command(1, SessionCommand::Leave);
    world.run(secs(1));
    world.join(2, 0, None);
    world.run(secs(2));
    world.assert_agreed(&[0, 2]);
}

#[test]
fn a_steward_that_leaves_or_dies_is_followed_by_the_next_in_seniority() {
    let mut world = World::seeded(4, 5);
    world.jam(None);
    world.command(0, SessionCommand::Leave);
    world.run(Duration::from_millis(100));
    world.assert_agreed(&[1, 2, 3, 4]);
    world.check(world.state(4).steward == key(1), "handed over at once");
    world.kill(1);
    world.run(secs(4));
    world.check(world.state(4).steward == key(2), "taken over after silence");
    world.run(SEAT_KEPT + secs(3));
    world.assert_agreed(&[2, 3, 4]);
}

#[test]
fn a_cable_put_back_brings_the_same_seat_back_within_two_seconds() {
    for (seed, out) in [(5, 1), (6, 3), (7, 8), (8, 18)] {
        for member in [2, 0] {
            let mut world = World::seeded(seed, 4);
            world.jam(None);
            world.command(2, SessionCommand::SetMic(MicState::Live));
            world.run(secs(1));
            let standing = world.state(0).roster.find(key(member)).unwrap().standing;
            let others: Vec<usize> = (0..4).filter(|other| *other != member).collect();
            world.split(&[member], &others);
            world.run(secs(out));
            world.heal_all();
            world.run(secs(2));
            world.assert_agreed(&[0, 1, 2, 3]);
            let line = world.state(1).roster.find(key(member)).unwrap();
            world.check(line.standing == standing, "the same seat");
            world.check(
                world.state(1).roster.find(key(2)).unwrap().mic == MicState::Live,
                "the same microphone",
            );
            let left = world.count(1, |event| matches!(event, SessionEvent::ParticipantLeft { .. }));
            world.check(left == 0, "nobody was said to have left");
        }
    }
}

#[test]
fn two_halves_go_on_and_merge_to_the_older_with_everyone_who_came_meanwhile() {
    let mut world = World::seeded(9, 8);
    world.create(0, None, 16);
    for index in 1..6 {
        world.join(index, 0, None);
        world.run(secs(1));
    }
    world.split(&[0, 1, 2, 6], &[3, 4, 5, 7]);
    world.run(secs(30));
    world.assert_agreed(&[0, 1, 2]);
    world.assert_agreed(&[3, 4, 5]);
    world.join(6, 1, None);
    world.join(7, 5, None);
    world.run(secs(3));
    world.assert_agreed(&[0, 1, 2, 6]);
    world.assert_agreed(&[3, 4, 5, 7]);
    world.heal_all();
    world.run(secs(12));
    world.assert_agreed(&[0, 1, 2, 3, 4, 5, 6, 7]);
    world.check(world.state(7).steward == key(0), "the older half stays");
    for index in [0, 3, 7] {
        world.check(
            world.count(index, |event| matches!(event, SessionEvent::Merged { .. })) > 0,
            "told of the merge",
        );
    }
    // sound that went on in the younger half is not torn down by the merge
    for index in [3, 4, 5, 7] {
        let torn = world.count(index, |event| {
            matches!(event, SessionEvent::ParticipantLeft { participant, .. } if place(participant.peer) > 2 && place(participant.peer) != 6)
        });
        world.check(torn == 0, &format!("{index} was told that somebody of its own half left"));
    }
}

#[test]
fn a_member_that_lost_only_its_stream_to_the_steward_stays() {
    let mut world = World::seeded(10, 4);
    world.jam(None);
    world.cut(0, 2);
    world.run(secs(60));
    for index in 0..4 {
        world.check(world.state(index).steward == key(0), "the steward is the same for all");
        world.check(
            world.state(index).roster.iter().all(|line| line.presence == Presence::Here),
            "all are here",
        );
    }
    world.command(2, SessionCommand::SetMic(MicState::Panic));
    world.run(secs(2));
    world.check(world.state(0).roster.find(key(2)).unwrap().mic == MicState::Panic, "its line is passed on");
    world.heal(0, 2);
    world.run(secs(2));
    world.assert_agreed(&[0, 1, 2, 3]);
}

#[test]
fn a_removed_key_cannot_come_back_not_even_by_a_split() {
    let mut world = World::seeded(11, 5);
    world.jam(None);
    world.command(1, SessionCommand::Remove(key(2)));
    world.run(secs(1));
    world.assert_agreed(&[0, 1, 2, 3, 4]);
    world.command(0, SessionCommand::Remove(key(2)));
    world.run(secs(1));
    world.assert_agreed(&[0, 1, 3, 4]);
    world.check(world.count(2, |event| matches!(event, SessionEvent::Removed { .. })) == 1, "told");
    for at in [0, 3] {
        world.join(2, at, None);
        world.run(secs(2));
        world.check(world.refusal(2) == Some(JoinFailure::Removed), "refused");
    }
    // removed while it was away: it learns when it comes back
    world.split(&[4], &[0, 1, 3]);
    world.run(secs(5));
    world.command(0, SessionCommand::Remove(key(4)));
    world.run(secs(30));
    world.heal_all();
    world.run(secs(15));
    world.assert_agreed(&[0, 1, 3]);
    world.check(world.machines[4].as_ref().unwrap().state().is_none(), "out");
}

#[test]
fn who_is_blocked_is_blocked_for_one_alone() {
    let mut world = World::seeded(12, 4);
    world.jam(None);
    world.command(1, SessionCommand::Block(key(3)));
    world.run(secs(30));
    for index in [0, 2] {
        world.check(world.machines[index].as_ref().unwrap().is_linked(key(3)), "others hear them");
        world.check(world.state(index).roster.len() == 4, "and they sit there");
    }
    world.check(!world.machines[1].as_ref().unwrap().is_linked(key(3)), "the one does not");
    world.command(3, SessionCommand::Chat("hello".into()));
    world.run(secs(1));
    world.check(world.count(1, |event| matches!(event, SessionEvent::Chat { .. })) == 0, "no chat");
    world.check(world.count(2, |event| matches!(event, SessionEvent::Chat { .. })) == 1, "chat for others");
    world.command(1, SessionCommand::Unblock(key(3)));
    world.run(secs(4));
    world.assert_agreed(&[0, 1, 2, 3]);
}

#[test]
fn chat_is_bounded_in_length_and_rate_and_printable() {
    let mut world = World::seeded(13, 2);
    world.jam(None);
    for text in ["x".repeat(1_000_000), "\u{1b}".into(), "y\u{202e}z".into()] {
        world.command(0, SessionCommand::Chat(text));
    }
    for _ in 0..50 {
        world.command(0, SessionCommand::Chat("again".into()));
    }
    world.run(secs(1));
    let heard: Vec<&str> = world.events[1]
        .iter()
        .filter_map(|(_, event)| match event {
            SessionEvent::Chat { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    world.check(heard[0] == "yz", "made safe");
    world.check(heard.len() == 8, &format!("{} lines", heard.len()));
    world.check(world.count(0, |event| matches!(event, SessionEvent::CommandRefused(_))) == 45, "said why");
}

#[test]
fn the_stewardship_is_given_by_hand_and_survives_a_split() {
    let mut world = World::seeded(14, 4);
    world.jam(None);
    world.command(0, SessionCommand::GiveStewardship(key(2)));
    world.run(secs(2));
    world.assert_agreed(&[0, 1, 2, 3]);
    world.check(world.state(0).steward == key(2), "given");
    world.split(&[2], &[0, 1, 3]);
    world.run(secs(30));
    world.assert_agreed(&[0, 1, 3]);
    world.heal_all();
    world.run(secs(12));
    world.assert_agreed(&[0, 1, 2, 3]);
    world.check(world.state(0).steward == key(2), "kept");
}

#[test]
fn a_program_that_ended_and_came_back_is_let_in_again() {
    let mut world = World::seeded(15, 3);
    world.jam(None);
    for index in [2, 0] {
        world.kill(index);
        world.run(secs(1));
        world.restart(index);
        world.join(index, 1, None);
        world.run(secs(8));
        world.assert_agreed(&[0, 1, 2]);
    }
    world.check(world.state(0).steward == key(1), "the founder came back as the last");
}

#[test]
fn a_closed_jam_opens_for_its_word_alone_and_guesses_are_limited() {
    let mut world = World::seeded(16, 4);
    world.wiretap = Some(Vec::new());
    world.create(0, Some("Blue Note"), 8);
    world.join(1, 0, Some("bluenote"));
    world.run(secs(1));
    world.assert_agreed(&[0, 1]);
    world.join(2, 0, None);
    world.run(secs(1));
    world.check(world.refusal(2) == Some(JoinFailure::CodeNeeded), "needs a word");
    for _ in 0..3 {
        world.join(2, 0, Some("red note"));
        world.run(secs(1));
        world.check(world.refusal(2) == Some(JoinFailure::CodeWrong), "wrong word");
    }
    world.join(2, 0, Some("blue note"));
    world.run(secs(1));
    world.check(matches!(world.refusal(2), Some(JoinFailure::TooManyTries { .. })), "too many tries");
    world.run(secs(60));
    // through another member, and after the founder has gone: everyone who is in knows the word
    world.command(0, SessionCommand::Leave);
    world.join(2, 1, Some("blue note"));
    world.run(secs(2));
    world.assert_agreed(&[1, 2]);
    let tap = world.wiretap.take().unwrap();
    for word in ["bluenote", "blue note", "Blue Note"] {
        world.check(
            !tap.windows(word.len()).any(|window| window == word.as_bytes()),
            "the word crossed the network",
        );
    }
}

#[test]
fn who_expects_a_closed_jam_does_not_walk_into_an_open_one() {
    let mut world = World::seeded(17, 2);
    world.create(0, None, 8);
    world.join(1, 0, Some("blue note"));
    world.run(secs(1));
    world.check(world.refusal(1) == Some(JoinFailure::NotProven), "not proven");
}

#[test]
fn a_stranger_who_knows_address_and_session_but_not_the_word_changes_nothing() {
    let mut world = World::seeded(18, 4);
    world.create(0, Some("blue note"), 8);
    world.join(1, 0, Some("blue note"));
    world.run(secs(2));
    let genuine = world.state(0).clone();
    // 2 poses as an older half of the same session, with itself as its steward, and says all it can
    let mut forged = genuine.clone();
    let mut line = forged.roster.find(key(1)).unwrap().clone();
    line.peer = key(2);
    line.standing = -100;
    forged.roster.seat(line.clone());
    forged.steward = key(2);
    forged.version = 1_000;
    let snapshot = jamtty::protocol::control::Snapshot { state: forged.clone(), beat: 1_000, proof: [0; 32] };
    let (session, lead) = (genuine.id, forged.lead());
    let lies = [
        ControlMessage::Snapshot(snapshot.clone()),
        ControlMessage::Merge(snapshot),
        ControlMessage::Line(jamtty::protocol::control::Line { session, participant: line, proof: [0; 32] }),
        ControlMessage::Goodbye(jamtty::protocol::control::Goodbye { session, state: Some(forged.clone()) }),
        ControlMessage::Removed(jamtty::protocol::control::Removed { session, lead, proof: [0; 32] }),
        ControlMessage::CodeProof(jamtty::protocol::control::CodeProof { mac: [0; 32] }),
        ControlMessage::Admitted(jamtty::protocol::control::Admitted {
            state: forged,
            secret: [0; 32],
            mac: None,
        }),
    ];
    for to in [0, 1] {
        let now = world.now;
        world.with(to, |machine| machine.handle_connected(now, key(2)));
        for lie in &lies {
            world.with(to, |machine| machine.handle_message(now, key(2), lie.clone()));
        }
    }
    world.run(secs(5));
    world.assert_agreed(&[0, 1]);
    world.check(*world.state(0) == genuine, "nothing changed");
    world.check(world.machines[0].as_ref().unwrap().counters().messages_ignored > 0, "counted");
}

#[test]
fn two_versions_name_both_and_do_not_chase_each_other() {
    let mut world = World::seeded(19, 2);
    world.create(0, None, 8);
    let now = world.now;
    world.join(1, 0, None);
    for _ in 0..5 {
        world.with(1, |machine| {
            machine.handle_message(now, key(0), ControlMessage::OtherVersion { theirs: 2 });
        });
    }
    world.run(secs(1));
    world.check(world.refusal(1) == Some(JoinFailure::Version { theirs: 2, ours: 1 }), "both are named");
    world.check(
        world.count(0, |event| matches!(event, SessionEvent::VersionMismatch { .. })) <= 1,
        "told once",
    );
}

/// Ten minutes in which streams flap, halves split, members leave, die and come back.
fn ten_bad_minutes(seed: u64) {
    let count = 8;
    let mut world = World::seeded(seed, count);
    world.jam(None);
    let mut members: BTreeSet<usize> = (0..count).collect();
    for _ in 0..60 {
        match world.below(9) {
            0 | 1 => {
                let cut = 1 + world.below(count - 1);
                let (left, right): (Vec<usize>, Vec<usize>) =
                    (0..count).partition(|index| index * 5 % count < cut);
                world.split(&left, &right);
            }
            2 | 3 => {
                for _ in 0..6 {
                    let (a, b) = (world.below(count), world.below(count));
                    if a != b {
                        world.cut(a, b);
                        let wait = Duration::from_millis(world.rng.next_u64() % 3_000);
                        world.run(wait);
                        world.heal(a, b);
                    }
                }
            }
            4 => {
                let index = world.below(count);
                if members.len() > 3 && members.remove(&index) {
                    world.kill(index);
                }
            }
            5 => {
                let index = world.below(count);
                if members.len() > 3 && members.remove(&index) {
                    world.command(index, SessionCommand::Leave);
                }
            }
            6 => {
                // who is out asks somebody who is in
                let out: Vec<usize> = (0..count).filter(|index| !members.contains(index)).collect();
                if let Some(&index) = out.first() {
                    world.heal_all();
                    if world.machines[index].is_none() {
                        world.restart(index);
                    }
                    let inside: Vec<usize> = members.iter().copied().collect();
                    let at = inside[world.below(inside.len())];
                    world.join(index, at, None);
                    world.run(secs(11));
                    if world.machines[index].as_ref().is_some_and(|machine| machine.state().is_some()) {
                        members.insert(index);
                    }
                }
            }
            7 => {
                let (from, to) = (world.below(count), world.below(count));
                world.command(from, SessionCommand::GiveStewardship(key(to)));
            }
            _ => world.heal_all(),
        }
        let wait = Duration::from_millis(200 + world.rng.next_u64() % 15_000);
        world.run(wait);
    }
    world.heal_all();
    world.run(SEAT_KEPT + secs(30));
    let members: Vec<usize> = members.into_iter().collect();
    world.assert_agreed(&members);
    for machine in world.machines.iter().flatten() {
        assert_eq!(machine.counters().outputs_dropped, 0);
    }
}

/// `JAMTTY_CASES` (10,000 in CI) buys more seeds, a thousand cases each.
fn more_seeds(first: u64) {
    let cases: u64 = std::env::var("JAMTTY_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    for seed in first..first + (cases / 1_000).clamp(2, 100) {
        ten_bad_minutes(seed);
    }
}

#[test]
fn after_ten_bad_minutes_all_who_live_agree() {
    more_seeds(100);
}

#[test]
fn after_ten_other_bad_minutes_all_who_live_agree() {
    more_seeds(1_014);
}

#[test]
fn after_ten_worse_minutes_all_who_live_agree() {
    more_seeds(10_000);
}
