//! The disk: one worker thread owns the index, so that nothing else waits for it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use crate::domain::profile::Profile;
use crate::domain::sharing::{Field, Shared};
use crate::peer::message::{DiskEffect, DiskMessage, Message};
use crate::store::{Blocked, Index, Profile as Kept, RecentJam};

/// Orders that may wait for the disk. When it is full, an order is lost and counted
/// (`disk_orders_lost`): a disk that stands still must not hold the jam.
const ORDERS_MAX: usize = 1024;

/// Settings are written once they rest for this long: a fader moved by hand sends dozens a second.
const REST: Duration = Duration::from_millis(500);

/// The worker.
#[derive(Debug)]
pub(super) struct DiskPart {
    orders: Option<SyncSender<DiskEffect>>,
    thread: Option<JoinHandle<()>>,
    /// Orders that found the queue full.
    pub(super) lost: u64,
}

impl DiskPart {
    pub(super) fn start(index: Index, answers: mpsc::Sender<Message>) -> std::io::Result<Self> {
        let (orders, inbox) = sync_channel(ORDERS_MAX);
        let thread = thread::Builder::new()
            .name("jamtty-disk".to_owned())
            .spawn(move || work(index, &inbox, &answers))?;
        Ok(Self { orders: Some(orders), thread: Some(thread), lost: 0 })
    }

    pub(super) fn apply(&mut self, effect: DiskEffect) {
        let sent = self.orders.as_ref().map(|orders| orders.try_send(effect));
        if let Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) = sent {
            self.lost += 1;
        }
    }

    /// Writes what waits, and ends.
    pub(super) fn stop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for DiskPart {
    fn drop(&mut self) {
        self.stop();
    }
}

fn work(mut index: Index, inbox: &Receiver<DiskEffect>, answers: &mpsc::Sender<Message>) {
    let mut resting = false;
    let mut failing = false;
    loop {
        let order = if resting {
            inbox.recv_timeout(REST)
        } else {
            inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        let done = match order {
            Ok(DiskEffect::Recall(peer)) => {
                let recalled =
                    DiskMessage::Recalled { peer, strip: index.strip(peer), delay: index.delay(peer) };
                // The peer is ending if nobody takes it.
                let _ = answers.blocking_send(Message::Disk(recalled));
                continue;
            }
            Ok(DiskEffect::Strip(peer, strip)) => {
                index.set_strip(peer, strip);
                resting = true;
                continue;
            }
            Ok(DiskEffect::Delay(peer, delay)) => {
                index.set_delay(peer, delay);
                resting = true;
                continue;
            }
            Ok(DiskEffect::Jam { name, session, peers, addrs }) => {
                index.remember_jam(RecentJam { name, session, peers, addresses: addrs, at_unix_s: unix_s() })
            }
            Ok(DiskEffect::Profile { profile, shared }) => index.set_profile(kept(&profile, shared)),
            Ok(DiskEffect::Block(peer, name)) => index.block(Blocked { peer, name, at_unix_s: unix_s() }),
            Ok(DiskEffect::Unblock(peer)) => index.unblock(peer),
            Err(RecvTimeoutError::Timeout) => {
                resting = false;
                index.flush()
            }
            Err(RecvTimeoutError::Disconnected) => {
                let _ = index.flush();
                return;
            }
        };
        // A full disk refuses every order: said once, until it takes one again.
        let was_failing = std::mem::replace(&mut failing, done.is_err());
        if let Err(error) = done
            && !was_failing
        {
            let failed = DiskMessage::Failed {
                what: "something could not be remembered".to_owned(),
                why: error.to_string(),
                remedy: error.remedy(),
            };
            let _ = answers.blocking_send(Message::Disk(failed));
        }
    }
}

/// A profile as the index keeps it.
fn kept(profile: &Profile, shared: Shared) -> Kept {
    Kept {
        name: profile.name().clone(),
        instruments: profile.instruments().to_vec(),
        interests: profile.interests().to_vec(),
        colour: profile.colour(),
        avatar: profile.avatar().cloned(),
        share_name: shared.has(Field::Name),
        share_instruments: shared.has(Field::Plays),
        share_interests: shared.has(Field::Interests),
        share_colour: shared.has(Field::Colour),
        share_avatar: shared.has(Field::Avatar),
    }
}

/// A profile as the index kept it, and which of it is shared.
pub(super) fn recalled(kept: &Kept) -> (Profile, Shared) {
    let profile = Profile::new(kept.name.as_str(), &[])
        .playing(kept.instruments.clone())
        .interested_in(kept.interests.clone())
        .coloured(kept.colour)
        .with_avatar(kept.avatar.clone());
    let shared = Shared::NONE
        .with(Field::Name, kept.share_name)
        .with(Field::Plays, kept.share_instruments)
        .with(Field::Interests, kept.share_interests)
        .with(Field::Colour, kept.share_colour)
        .with(Field::Avatar, kept.share_avatar);
    (profile, shared)
}

pub(super) fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::badge::{Avatar, NameColour};
    use crate::domain::name::Name;

    #[test]
    fn a_profile_is_recalled_as_it_was_kept() {
        let profile = Profile::new("Ana", &["bass"])
            .interested_in(vec![Name::new("drone")])
            .coloured(Some(NameColour::Teal))
            .with_avatar(Avatar::parse("<3").ok());
        let mut sharings: Vec<Shared> = Field::ALL.map(|field| Shared::NONE.with(field, true)).to_vec();
        sharings.extend([Shared::ALL, Shared::NONE]);
        for shared in sharings {
            assert_eq!(recalled(&kept(&profile, shared)), (profile.clone(), shared));
        }
    }
}
