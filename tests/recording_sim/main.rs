//! Recordings in virtual time: five members who come, go, answer and start at once, streams that drop with
//! what is on them, and a member that lies. Every run is seeded; on failure the seed and the end of the log
//! are printed.

mod world;

use std::time::Duration;

use jamtty::protocol::recording::{Policy, RecordingCommand};

use world::World;

const POLICIES: [Policy; 5] = [Policy::Ask, Policy::Yes, Policy::No, Policy::Ask, Policy::Yes];

fn everyone_in(seed: u64) -> World {
    let mut world = World::seeded(seed, &POLICIES);
    for index in 0..POLICIES.len() {
        world.enter(index);
    }
    world.run(Duration::from_secs(1));
    world
}

#[test]
fn two_that_start_in_the_same_moment_end_up_in_one() {
    for seed in 0..30 {
        let mut world = everyone_in(seed);
        let (a, b) = (world.below(5), world.below(5));
        world.start(a);
        let wait = Duration::from_micros(world.below(30_000) as u64);
        world.run(wait);
        world.start(b);
        world.run(Duration::from_secs(2));
        world.assert_agreed();
        if (0..5).any(|index| world.machines[index].state().is_none()) {
            world.fail("nobody records");
        }
        let sent = world.sent;
        world.run(Duration::from_secs(600));
        if world.sent != sent {
            world.fail("something is said while nothing happens");
        }
    }
}

#[test]
fn many_bad_minutes_and_nobody_is_recorded_who_did_not_agree() {
    for seed in 100..140 {
        bad_minutes(seed, false);
    }
}

#[test]
fn a_member_that_lies_changes_nothing_but_their_own_word() {
    for seed in 200..240 {
        bad_minutes(seed, true);
    }
}

/// Everything at once, then quiet: they must agree each time.
fn bad_minutes(seed: u64, with_liar: bool) {
    let mut world = everyone_in(seed);
    if with_liar {
        world.liar = Some(4);
    }
    for _ in 0..6 {
        for _ in 0..60 {
            something(&mut world);
            world.lie();
            let wait = Duration::from_millis(world.below(400) as u64);
            world.run(wait);
        }
        world.heal_all();
        world.run(Duration::from_secs(30));
        world.assert_agreed();
    }
    if world.sent > world.inputs * 5 {
        world.fail(&format!("{} messages after {} inputs", world.sent, world.inputs));
    }
}

fn something(world: &mut World) {
    let (index, other) = (world.below(5), world.below(5));
    match world.below(12) {
        0 => world.leave(index),
        1 | 2 => world.enter(index),
        3 | 4 => world.cut(index, other),
        5 => world.link(index, other),
        6 => {
            world.start(index);
            world.start(other);
        }
        7 => {
            // rarely, or nothing would ever run
            if world.below(3) == 0 {
                world.command(index, RecordingCommand::Stop);
            }
        }
        8 | 9 => {
            let agreed = world.below(2) == 0;
            world.command(index, RecordingCommand::Answer { agreed });
        }
        10 => {
            if world.below(3) == 0 && world.liar != Some(index) {
                let policy = POLICIES[other];
                world.restart(index, policy);
            }
        }
        _ => {
            let wait = Duration::from_secs(world.below(12) as u64);
            world.run(wait);
        }
    }
}
