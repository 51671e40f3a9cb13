//! Two peers find each other, join, hear each other, and part.

use jamtty::peer::api::{ErrorCode, Event, Links, MicState, Path, Status, Strip};
use jamtty::peer::run::{Begin, ExitReason};

use crate::support::{Running, join, new, options, wait_for, wait_until};

#[test]
fn two_peers_find_each_other_join_and_hear_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let ana = Running::start(options(folder.path(), "Ana", new("Kitchen")));
    let bo = Running::start(options(folder.path(), "Bo", join("Kitchen")));
    let (mut ana_client, mut bo_client) = (ana.client(), bo.client());
    for client in [&mut ana_client, &mut bo_client] {
        wait_until::<Status>(client, "status", &[], |status| {
            let heard = |jam: &jamtty::peer::api::Jam| {
                jam.people.len() == 2
                    && jam.people.iter().all(|one| {
                        one.you || one.path == Some(Path::Udp) && one.rms_db.is_some_and(|db| db > -25.0)
                    })
            };
            status.card.is_some() && status.jam.as_ref().is_some_and(heard)
        });
    }
    let links: Links = wait_until(&mut bo_client, "link", &["Ana"], |links: &Links| {
        links.links.iter().any(|link| link.one_way_ms.is_some() && link.figures.played > 100)
    });
    let link = &links.links[0];
    assert!(
        link.figures.rtt_ms.is_some_and(|rtt| rtt < 50.0) && link.figures.drift_ppm.is_some(),
        "{link:#?}"
    );

    // What one sets is told to the other, and remembered.
    bo_client.watch::<&str>(&[]).unwrap();
    ana_client.request::<&str>("mic.off", &[]).unwrap();
    wait_for(&mut bo_client, |event| matches!(event, Event::Mic { mic: MicState::Muted, .. }));
    let strip: Strip = bo_client.request_as("fader", &["ana", "-6"]).unwrap();
    assert!((strip.gain_db + 6.0).abs() < 0.01);
    ana_client.request("chat", &["hello", "you"]).unwrap();
    wait_for(&mut bo_client, |event| matches!(event, Event::Chat { text, .. } if text == "hello you"));

    // Leaving is told at once, and the jam goes on.
    ana_client.request::<&str>("quit", &[]).unwrap();
    assert_eq!(ana.end().unwrap(), ExitReason::Quit);
    wait_for(&mut bo_client, |event| matches!(event, Event::ParticipantLeft { .. }));
    let status: Status = bo_client.request_as::<Status>("status", &[""; 0]).unwrap();
    assert_eq!(status.jam.unwrap().people.len(), 1);
}

#[test]
fn a_second_peer_of_one_profile_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Running::start(options(folder.path(), "Ana", Begin::Lobby));
    drop(first.client());
    let second = Running::start(options(folder.path(), "Ana", Begin::Lobby));
    let refusal = second.end().unwrap_err().0;
    assert_eq!(refusal.code, ErrorCode::TryAgain);
    assert!(refusal.to_string().contains("jamtty quit"), "{refusal}");
}
