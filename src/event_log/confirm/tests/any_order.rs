//! Whatever happens in whatever order before the power goes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::event_log::{archive, recover};

#[derive(Debug, Clone)]
enum Op {
    Append(Vec<(usize, bool)>, usize),
    Settle,
    Tick,
    Flush,
    FailSync(usize),
    BreakJournal,
    FailEntry,
    Cleanup(bool),
    CleanSome,
    Erase(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let events = prop::collection::vec((0..SESSIONS.len(), prop::bool::weighted(0.8)), 1..6);
    let op = prop_oneof![
        12 => (events, 0_usize..200).prop_map(|(events, size)| Op::Append(events, size)),
        1 => Just(Op::Settle),
        2 => Just(Op::Tick),
        1 => Just(Op::Flush),
        2 => (0..SESSIONS.len()).prop_map(Op::FailSync),
        1 => Just(Op::BreakJournal),
        1 => Just(Op::FailEntry),
        1 => any::<bool>().prop_map(Op::Cleanup),
        2 => Just(Op::CleanSome),
        1 => (0..SESSIONS.len()).prop_map(Op::Erase),
    ];
    prop::collection::vec(op, 1..40)
}

/// The numbers in the archive.
fn archived(directory: &Path) -> BTreeMap<String, Vec<u64>> {
    let mut found = BTreeMap::new();
    for session in SESSIONS {
        for file in archive::files_of(&directory.join("archive"), session, None).unwrap() {
            let bytes = fs::read(file).unwrap();
            let outcome = recover(&bytes, Some(session), None);
            assert!(outcome.damage.is_empty() && outcome.torn.is_none());
            let seqs: &mut Vec<u64> = found.entry(session.to_owned()).or_default();
            seqs.extend(outcome.found.iter().map(|found| found.line.seq));
        }
    }
    found
}

proptest! {
    /// Whatever happens before the power goes, what was promised to survive it is there or in the archive, once and in order,
    /// unless it was erased; and nothing that is there is damaged.
    #[test]
    fn nothing_that_was_promised_to_survive_the_power_is_lost(ops in ops()) {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = open(directory.path(), 1_500);
        let mut promised: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        let mut cleanups = Vec::new();
        for op in ops {
            match op {
                Op::Append(events, size) => {
                    let given = |power| if power { Durability::Power } else { Durability::Process };
                    let events: Vec<_> = events.into_iter().map(|(session, power)| (session, given(power))).collect();
                    let seqs = append(&mut owned, &events, size);
                    for ((session, durability), seq) in events.into_iter().zip(seqs) {
                        if let (Durability::Power, Some(seq)) = (durability, seq) {
                            promised.entry(SESSIONS[session].into()).or_default().insert(seq);
                        }
                    }
                }
                Op::Settle => owned.settle().unwrap(),
                Op::Tick => {
                    owned.collect();
                    owned.settle_in_time();
                }
                // It tells of syncs that failed before.
                Op::Flush => drop(owned.sync_dirty()),
                Op::FailSync(session) => {
                    owned.note(vec![(SESSIONS[session].into(), Err(std::io::Error::other("a disk that lies")))]);
                }
                Op::BreakJournal => owned.around.journal.break_it(),
                Op::FailEntry => owned.around.journal.fail_next(),
                Op::Cleanup(is_of_all) => {
                    let retention = Duration::from_secs(if is_of_all { 0 } else { 3600 });
                    let (reply, answer) = Reply::channel();
                    owned.cleanup(retention, reply);
                    cleanups.push(answer);
                }
                Op::CleanSome => owned.clean_some(),
                Op::Erase(session) => {
                    crate::event_log::erase::erase(&mut owned, SESSIONS[session]).unwrap();
                    promised.remove(SESSIONS[session]);
                }
            }
        }
        cut_power(owned);
        for answer in cleanups {
            let failed = answer.recv().unwrap().err().map(|error| error.code());
            prop_assert!(matches!(failed, None | Some("ERR_PANIC")), "only that it had not ended yet: {failed:?}");
        }
        let owned = open(directory.path(), 1_500);
        prop_assert!(owned.report.damaged.is_empty(), "{:?}", owned.report);
        let mut found = archived(directory.path());
        for (session, seqs) in seqs(&owned) {
            found.entry(session).or_default().extend(seqs);
        }
        for (session, seqs) in &promised {
            let found: BTreeSet<u64> = found.get(session).into_iter().flatten().copied().collect();
            prop_assert!(seqs.is_subset(&found), "{session}: {:?} are lost", seqs - &found);
        }
        for seqs in found.values() {
            prop_assert!(seqs.is_sorted_by(|one, next| one < next), "{seqs:?}");
        }
        owned.close().unwrap();
    }
}
