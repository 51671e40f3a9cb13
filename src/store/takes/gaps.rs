//! The gaps of a track: in order, apart from each other, and not without bound.

use crate::domain::take::{Gap, GapWhy};

/// Puts a gap in its place. One that touches its neighbour of the same kind becomes one with it; of one that
/// overlaps another kind, what is not told yet is kept. Past `most`, neighbours are told as one.
pub(super) fn insert(gaps: &mut Vec<Gap>, mut gap: Gap, most: usize) {
    if gap.samples == 0 {
        return;
    }
    let place = gaps.partition_point(|one| one.at <= gap.at);
    if let Some(before) = place.checked_sub(1).map(|index| &mut gaps[index]) {
        if before.why == gap.why && end(before) >= gap.at {
            before.samples = end(before).max(end(&gap)) - before.at;
            let merged = *before;
            // It may reach the next ones now.
            gaps.remove(place - 1);
            return insert_apart(gaps, place - 1, merged, most);
        }
        let told = end(before).saturating_sub(gap.at).min(gap.samples);
        gap.at += told;
        gap.samples -= told;
    }
    if gap.samples > 0 {
        insert_apart(gaps, place, gap, most);
    }
}

/// Leaves out what lies at or beyond `length`.
pub(super) fn cut(gaps: &mut Vec<Gap>, length: u64) {
    gaps.retain(|gap| gap.at < length);
    for gap in gaps {
        gap.samples = gap.samples.min(length - gap.at);
    }
}

/// Nothing before `place` reaches `gap`.
fn insert_apart(gaps: &mut Vec<Gap>, place: usize, mut gap: Gap, most: usize) {
    while let Some(next) = gaps.get(place).copied() {
        if next.at > end(&gap) || (next.why != gap.why && next.at == end(&gap)) {
            break;
        }
        if next.why != gap.why {
            gap.samples = next.at - gap.at;
            break;
        }
        gap.samples = end(&gap).max(end(&next)) - gap.at;
        gaps.remove(place);
    }
    if gap.samples > 0 {
        gaps.insert(place, gap);
    }
    if gaps.len() > most {
        squeeze(gaps, most / 2);
    }
}

fn end(gap: &Gap) -> u64 {
    gap.at.saturating_add(gap.samples)
}

/// Tells those nearest to each other as one, until `most` are left: half of what is allowed, so that this is rare.
fn squeeze(gaps: &mut Vec<Gap>, most: usize) {
    let mut near: u64 = 48;
    while gaps.len() > most.max(1) {
        let mut kept: Vec<Gap> = Vec::with_capacity(gaps.len());
        for gap in gaps.drain(..) {
            match kept.last_mut() {
                Some(last) if gap.at.saturating_sub(end(last)) <= near => join(last, &gap),
                _ => kept.push(gap),
            }
        }
        *gaps = kept;
        near = near.saturating_mul(2);
    }
}

/// What was invented is counted; what is silent, or both, is told from its beginning to its end.
fn join(last: &mut Gap, gap: &Gap) {
    if last.why == GapWhy::Concealed && gap.why == GapWhy::Concealed {
        last.samples += gap.samples;
        return;
    }
    if last.why == GapWhy::Concealed {
        last.why = gap.why;
    }
    last.samples = end(gap).max(end(last)) - last.at;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gap(at: u64, samples: u64, why: GapWhy) -> Gap {
        Gap { at, samples, why }
    }

    #[test]
    fn pieces_of_a_kind_that_touch_are_one() {
        let mut gaps = Vec::new();
        for at in [0, 20, 10] {
            insert(&mut gaps, gap(at, 10, GapWhy::Disk), 10);
        }
        assert_eq!(gaps, [gap(0, 30, GapWhy::Disk)]);
        insert(&mut gaps, gap(30, 5, GapWhy::Away), 10);
        assert_eq!(gaps.len(), 2);
        cut(&mut gaps, 12);
        assert_eq!(gaps, [gap(0, 12, GapWhy::Disk)]);
    }

    #[test]
    fn too_many_become_fewer_and_none_is_forgotten() {
        let mut gaps = Vec::new();
        for n in 0..10_000 {
            insert(&mut gaps, gap(n * 1_000, 120, GapWhy::Concealed), 100);
        }
        assert!(gaps.len() <= 100);
        assert_eq!(
            gaps.iter().map(|gap| gap.samples).sum::<u64>(),
            1_200_000,
            "all that was invented is counted"
        );
    }

    proptest! {
        #![proptest_config(crate::protocol::cases())]
        #[test]
        fn gaps_are_in_order_and_apart(pieces in prop::collection::vec((0_u64..500, 0_u64..60, 0_u8..3), 0..60)) {
            let mut gaps = Vec::new();
            for (at, samples, why) in pieces {
                let why = [GapWhy::Away, GapWhy::Concealed, GapWhy::Disk][usize::from(why)];
                insert(&mut gaps, gap(at, samples, why), 20);
                prop_assert!(gaps.len() <= 20);
                prop_assert!(gaps.windows(2).all(|two| end(&two[0]) <= two[1].at), "{gaps:?}");
            }
        }
    }
}
