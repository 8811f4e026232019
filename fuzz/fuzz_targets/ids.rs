//! Ids as file names: every id has one name, which leads back to it, and no text that is not such a name does.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smalltalk_native::event_log::{active_name, id_of, segment_name, stem_of};

fuzz_target!(|text: &str| {
    // As a name.
    if let Some(id) = id_of(text) {
        assert_eq!(stem_of(&id), text);
    }
    // As an id.
    if text.is_empty() || text.len() > 512 || text.contains('\0') {
        return;
    }
    let stem = stem_of(text);
    assert!(!stem.is_empty() && stem == stem.to_lowercase());
    assert!(stem.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'%' | b'~')));
    assert!(!stem.starts_with('-') && segment_name(&stem, u64::MAX, u32::MAX).len() <= 255);
    assert!(active_name(&stem).len() <= 255);
    match id_of(&stem) {
        Some(id) => assert_eq!(id, text),
        None => assert!(stem.contains("%~"), "only what is too long is not in its name"),
    }
    // Ids that differ, differ.
    let mut other = text.to_owned();
    other.push('x');
    assert_ne!(stem_of(&other), stem);
    if text.to_uppercase() != text {
        assert_ne!(stem_of(&text.to_uppercase()), stem);
    }
});
