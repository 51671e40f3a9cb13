//! The own card: what `me.set` takes and refuses, and that what is not shared stays here.

use super::World;
use crate::peer::api::{Listing, Me, Status};
use crate::peer::message::{Effect, NetEffect};

const ALL: [&str; 5] = ["name=Zebedee", "plays=theorbo", "interests=jazz,drone", "colour=teal", "avatar=<3~"];

/// What each field looks like in bytes.
const TEXTS: [(&str, &str); 6] = [
    ("name", "Zebedee"),
    ("plays", "theorbo"),
    ("interests", "jazz"),
    ("interests", "drone"),
    ("colour", "teal"),
    ("avatar", "<3~"),
];

/// All bytes that one peer gave to the network so far.
fn sent(world: &World, of: usize) -> Vec<u8> {
    let bytes = world.done[of].iter().filter_map(|effect| match effect {
        Effect::Net(NetEffect::SetCard(card)) => Some(card.encode()),
        Effect::Net(NetEffect::Send { message, .. }) => Some(message.encode()),
        _ => None,
    });
    bytes.flatten().collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn what_is_said_is_shown_and_what_is_not_named_stays() {
    let mut world = World::of(1);
    let me: Me = world.ask_as(0, "me.set", &ALL);
    assert_eq!((me.name.as_str(), me.plays, me.interests.len()), ("Zebedee", vec!["theorbo".to_owned()], 2));
    assert_eq!((me.colour.as_deref(), me.avatar.as_deref()), (Some("teal"), Some("<3~")));
    assert_eq!(me.shared, ["name", "plays", "interests", "colour", "avatar"], "shared unless said otherwise");
    let me: Me = world.ask_as(0, "me.set", &["share=plays,colour"]);
    assert_eq!((me.name.as_str(), me.shared), ("Zebedee", vec!["plays".to_owned(), "colour".to_owned()]));
    let me: Me = world.ask_as(0, "me.set", &["colour=none", "avatar=", "interests=", "plays=lute, oud"]);
    assert_eq!((me.plays.join(" "), me.interests.len()), ("lute oud".to_owned(), 0));
    assert_eq!((me.colour, me.avatar, me.shared.len()), (None, None, 2));
    assert_eq!(world.ask_as::<Me>(0, "me.show", &[]).name, "Zebedee");
}

#[test]
fn wrong_values_are_refused_with_what_is_allowed_and_change_nothing() {
    let mut world = World::of(1);
    let before: Me = world.ask_as(0, "me.set", &ALL);
    let many = format!("interests={}", ["x"; 9].join(","));
    let long = format!("plays={}", ["𝄞".repeat(32).as_str(); 5].join(","));
    for (wrong, says) in [
        ("colour=tael", "red, gold, green, teal, sky, violet or none, not `tael`"),
        ("avatar=d[-_-]b", "at most 4 columns wide, this one is 7"),
        ("avatar=👍🏽", "single characters"),
        ("share=plays,color", "`color` is none of them"),
        ("share=all,plays", "`all` is none of them"),
        ("name= ", "not empty"),
        (many.as_str(), "8 interests"),
        (long.as_str(), "512 bytes together"),
        ("color=teal", "one word too many"),
    ] {
        let error = world.ask(0, "me.set", &["name=Eve", wrong]).error.unwrap();
        assert_eq!(error.code.exit_code(), 2, "{wrong}");
        assert!(error.why.contains(says), "{wrong}: {}", error.why);
        assert!(error.remedy.contains("share=FIELD"), "{}", error.remedy);
    }
    assert_eq!(world.ask_as::<Me>(0, "me.show", &[]), before);
}

/// In the lobby, in a jam of one's own, in another's: whatever is sent holds what is shared, and no more.
#[test]
fn what_is_not_shared_is_in_no_byte_that_is_sent() {
    for share in ["none", "name", "plays", "interests", "colour", "avatar", "all", "plays,colour"] {
        let mut world = World::of(3);
        let option = format!("share={share}");
        assert!(world.ask(0, "me.set", &[ALL.as_slice(), &[&option]].concat()).ok);
        // A jam without a name is called after its maker, as others know them.
        assert!(world.ask(0, "new", &[]).ok);
        assert!(world.ask_later(1, "join", &["first"]).ok);
        assert!(world.ask(0, "chat", &["hello"]).ok);
        assert!(world.ask(0, "leave", &[]).ok);
        assert!(world.ask(2, "leave", &[]).error.is_some());
        assert!(world.ask_later(0, "join", &["first"]).ok);
        assert!(world.ask(0, "me.set", &["plays=theorbo,lute"]).ok);
        for of in 0..3 {
            let bytes = sent(&world, of);
            assert!(!bytes.is_empty() || of > 0);
            for (field, text) in TEXTS {
                let shared = share == "all" || share.split(',').any(|word| word == field);
                let seen = holds(&bytes, text);
                assert!(shared || !seen, "share={share}: {text} was sent by peer {of}");
                assert!(seen || !shared || of > 0, "share={share}: {text} was never sent");
            }
        }
    }
}

#[test]
fn others_see_what_is_shared_and_a_fingerprint_for_a_name_that_is_not() {
    let mut world = World::jam();
    assert!(world.ask(0, "me.set", &[ALL.as_slice(), &["share=interests,avatar"]].concat()).ok);
    let me: Me = world.ask_as(0, "me.show", &[]);
    let status: Status = world.ask_as(1, "status", &[]);
    let jam = status.jam.unwrap();
    let ana = jam.people.iter().find(|one| !one.you).unwrap();
    assert_eq!((ana.name.as_str(), ana.plays.len(), ana.interests.len()), (me.fingerprint.as_str(), 0, 2));
    assert_eq!((ana.colour.as_deref(), ana.avatar.as_deref()), (None, Some("<3~")));
    let listing: Listing = world.ask_as(1, "ls", &[]);
    let ana = &listing.people[0];
    assert_eq!((ana.name.as_str(), ana.plays.len(), ana.interests.len()), (me.fingerprint.as_str(), 0, 2));
    assert_eq!((ana.colour.as_deref(), ana.avatar.as_deref()), (None, Some("<3~")));
    // Shared again, it is seen again.
    assert!(world.ask(0, "me.set", &["share=all"]).ok);
    let listing: Listing = world.ask_as(1, "ls", &[]);
    assert_eq!(
        (listing.people[0].name.as_str(), listing.people[0].colour.as_deref()),
        ("Zebedee", Some("teal"))
    );
}

#[test]
fn a_jam_that_is_called_after_a_name_no_longer_shared_is_said() {
    let mut world = World::of(1);
    assert!(world.ask(0, "new", &[]).ok);
    world.clear();
    assert!(world.ask(0, "me.set", &["share=plays"]).ok);
    assert_eq!(world.events(0), ["warning"]);
    world.clear();
    assert!(world.ask(0, "me.set", &["share=all"]).ok);
    assert!(world.ask(0, "leave", &[]).ok);
    assert!(world.ask(0, "me.set", &["share=plays"]).ok);
    assert!(!world.events(0).contains(&"warning"));
}
