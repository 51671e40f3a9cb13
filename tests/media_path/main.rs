//! Two media planes on the loopback interface: what gets through, and what does not.
#![expect(clippy::unwrap_used, reason = "a test that cannot begin fails loudly")]

mod hostile;
mod support;

use jamtty::net::media::{MediaError, MediaEvent, StreamKeys, UdpState};
use jamtty::protocol::report::PlayoutReport;
use support::{End, Pair, spec};

fn frames_pass_both_ways_and_both_ends_see_the_link(v6: bool) {
    let mut pair = Pair::new(v6);
    let playout = PlayoutReport { playout_delay_us: 1_234, concealed_frames: 5, ..PlayoutReport::default() };
    pair.b.plane.set_playout(pair.a.peer, playout);
    pair.play_until_up();
    let from = pair.marks();
    pair.play(400);
    pair.assert_undamaged_since(from);
    pair.play_until("round trip", |pair| {
        pair.a_report().rtt_us.is_some() && pair.b_report().rtt_us.is_some()
    });
    let report = pair.a_report();
    assert_eq!(report.far.unwrap().playout, playout);
    assert_eq!(report.addr, Some(pair.b.addr(v6)));
    assert!(report.clock_offset_us.unwrap().abs() < 100_000, "one clock: {report:?}");
    let heard = &pair.b.heard;
    assert!(heard.windows(2).all(|two| {
        let (first, second) = (two[0].frame, two[1].frame);
        second.media_time - first.media_time == (second.seq - first.seq) * 120
    }));
    let up = |end: &End| end.events.iter().filter(|event| matches!(event, MediaEvent::UdpUp { .. })).count();
    assert_eq!((up(&pair.a), up(&pair.b)), (1, 1));
    assert_eq!(pair.a.udp(pair.b.peer), UdpState::Up);
}

#[test]
fn frames_pass_both_ways_over_ipv4() {
    frames_pass_both_ways_and_both_ends_see_the_link(false);
}

#[test]
fn frames_pass_both_ways_over_ipv6() {
    frames_pass_both_ways_and_both_ends_see_the_link(true);
}

#[test]
fn one_side_makes_a_new_offer_and_the_other_half_goes_on() {
    let mut pair = Pair::new(false);
    pair.play_until_up();
    pair.play(40);
    // a changes its form: new keys for what it sends, the old ones for what it hears.
    let (a_peer, b_peer) = (pair.a.peer, pair.b.peer);
    let (old, new) = (pair.a_keys.clone(), StreamKeys::generate().unwrap());
    pair.b.connect(a_peer, &pair.b_keys, &new, vec![pair.a.addr(false)]);
    pair.a.connect(b_peer, &new, &pair.b_keys, vec![pair.b.addr(false)]);
    pair.play_until_up();
    let from = pair.marks();
    pair.play(200);
    pair.assert_undamaged_since(from);
    // Back to the keys of before: refused, a packet number is sealed once.
    let again = pair.a.plane.add_link(spec(b_peer, &old, &pair.b_keys).0);
    assert!(matches!(again, Err(MediaError::KeysUsed)), "{again:?}");
    assert!(pair.a.plane.link_report(b_peer).is_none());
}

#[test]
fn a_link_that_nobody_answers_is_silent_after_two_seconds() {
    let mut pair = Pair::between(End::new(1), End::new(2), vec![], vec![]);
    let silent = |end: &End| end.events.iter().any(|event| matches!(event, MediaEvent::UdpSilent { .. }));
    pair.play_until("silence is told", |pair| silent(&pair.a) && silent(&pair.b));
    assert_eq!(pair.a_report().receive.datagrams, 0);
    assert!(pair.a.sent > 500, "not before");
}

#[test]
fn a_listener_without_frames_is_seen_by_its_reports() {
    let mut pair = Pair::new(true);
    pair.listen_until("both ends up", |pair| {
        pair.a.udp(pair.b.peer) == UdpState::Up && pair.b.udp(pair.a.peer) == UdpState::Up
    });
    assert_eq!(pair.a_report().send.datagrams, 0);
    assert!(pair.a_report().far.is_some());
}

#[test]
fn a_removed_link_is_not_heard_any_more() {
    let mut pair = Pair::new(false);
    pair.play_until_up();
    pair.b.plane.remove_link(pair.a.peer);
    let unknown = pair.b.plane.counters().unknown;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while pair.b.plane.counters().unknown < unknown + 20 {
        assert!(std::time::Instant::now() < deadline, "{:?}", pair.b.plane.counters());
        pair.a.send_one();
        pair.poll_until(jamtty::clock::now() + std::time::Duration::from_millis(2));
    }
}
