//! Every entry for bytes of others takes noise, and damaged pieces of the real thing, 10,000 of each.

mod entries;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use entries::{ENTRIES, take};
use jamtty::config::DEFAULT_FILE;
use proptest::prelude::*;

/// A take of one track, as jamtty writes it.
const TAKE: &[u8] = br#"{"v":1,"id":"09090909090909090909090909090909","name":"Blues","jam":"kitchen","started":"2026-11-23T18:29:00.000Z",
"started_by":{"key":"0101010101010101010101010101010101010101010101010101010101010101","name":"Ana"},
"kept_by":{"key":"0101010101010101010101010101010101010101010101010101010101010101","name":"Ana"},
"kind":"recorded","state":"ended","rate_hz":48000,"length_samples":720,"tracks":[{"number":1,"kind":"mix","channels":1,
"files":[{"name":"01_mix.wav","format":"wav","samples":720}],"gaps":[{"at":5,"samples":9,"why":"disk"}]}],
"consents":[],"marks":[{"at":7,"text":"bridge"}],"tempo":[{"at":0,"bpm":92.5,"beats":4}],"note":"a\nb"}"#;

/// Something close to what is expected, to be damaged: deeper in than noise gets.
fn seed(name: &str) -> Vec<u8> {
    match name {
        "config" => DEFAULT_FILE.as_bytes()[..1_500].to_vec(),
        "socket_line" => br#"{"v":1,"id":7,"do":"fader","args":["Bo","-3",true,1e9]}"#.to_vec(),
        "ticket" => b"jamtty:ahyuv3hbgl7flreqmytefajzuqjsap4ke3rrma5fkgzyh7mnohf3".to_vec(),
        // A map of CBOR with texts, numbers and bytes.
        "control_message" | "lobby_card" => {
            b"\xa3\x61v\x01\x64kind\x65hello\x64data\xa2\x61a\x82\x01\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x61b\x44abcd".to_vec()
        }
        "take_json" => TAKE.to_vec(),
        "take_wav" => {
            let head = b"RIFF\x60\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x80\xbb\0\0\0\x65\x04\0\x06\0\x18\0data\x3c\0\0\0";
            head.iter().copied().chain((0..60).map(|n| n * 4)).collect()
        }
        // Sender report and receiver report, lengths and all.
        "report" => b"\x81\xc8\x00\x0c\x00\x00\x00\x01".iter().copied().cycle().take(96).collect(),
        // RTP of a redundant payload with one block header of 40 bytes, then the frames.
        _ => {
            let mut bytes = vec![0x80, 99, 0, 1, 0, 0, 0, 120, 0, 0, 0, 3];
            bytes.extend_from_slice(&(0xE000_0000_u32 | 120 << 10 | 40).to_be_bytes());
            bytes.push(96);
            bytes.resize(bytes.len() + 80, 7);
            bytes
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn noise_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for (name, _) in ENTRIES {
            take(name, &bytes);
        }
    }

    #[test]
    fn damaged_pieces_are_read_or_refused(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        whole: bool,
    ) {
        for (name, _) in ENTRIES {
            let mut bytes = seed(name);
            for (at, byte) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if !whole {
                bytes.truncate(cut.index(bytes.len()));
            }
            take(name, &bytes);
        }
    }
}

#[test]
fn every_entry_has_a_fuzz_target_and_every_target_is_an_entry() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let files = fs::read_dir(folder.join("fuzz_targets")).unwrap();
    let targets: BTreeSet<String> =
        files.filter_map(|file| file.unwrap().path().file_stem()?.to_str().map(str::to_owned)).collect();
    let names: BTreeSet<String> = ENTRIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(targets, names);
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for name in names {
        let text = fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(text.contains(&format!("entries::take({name:?}, bytes)")), "{name} fuzzes something else");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in tests/fuzz/Cargo.toml");
    }
}
