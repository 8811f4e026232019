//! Holds the floors of `docs/architecture.md`: imports go down only, the core has never heard of Node, and every export
//! goes through the door that catches panics.

mod source;

use std::path::Path;

use source::{SourceFile, attributes_with_functions, imported_rooms, rust_files, without_comments};

/// Rooms that never import one another; they meet in what stands below them.
const FLOOR_1: [&str; 4] = ["event_bus", "event_log", "storage", "health_monitor"];
const BINDING: &str = "binding";

fn floor(room: &str) -> u8 {
    match room {
        BINDING => 2,
        room if FLOOR_1.contains(&room) => 1,
        _ => 0,
    }
}

fn complaint(from: &str, to: &str) -> Option<String> {
    let (here, there) = (floor(from), floor(to));
    let sideways = here == 1 && there == 1 && from != to;
    (there > here || sideways).then(|| format!("{from} (floor {here}) imports {to} (floor {there})"))
}

fn sources() -> Vec<SourceFile> {
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

#[test]
fn imports_go_down_only() {
    let complaints: Vec<String> = sources()
        .iter()
        .filter(|file| file.room != "lib")
        .flat_map(|file| {
            let rooms = imported_rooms(&file.text);
            rooms.into_iter().filter_map(|to| complaint(&file.room, &to)).map(|why| format!("{}: {why}", file.name))
        })
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn only_the_binding_has_heard_of_node() {
    let strangers: Vec<String> = sources()
        .iter()
        .filter(|file| file.room != BINDING)
        .filter(|file| without_comments(&file.text).contains("napi"))
        .map(|file| file.name.clone())
        .collect();
    assert!(strangers.is_empty(), "{strangers:?} know napi; only src/binding may");
}

fn is_unsafe(line: &str) -> bool {
    !line.trim_start().starts_with("//") && (line.contains("unsafe {") || line.contains("unsafe impl"))
}

#[test]
fn unsafe_code_stands_in_the_binding_and_says_why_it_is_sound() {
    for file in sources() {
        let lines: Vec<&str> = file.text.lines().collect();
        for (number, line) in lines.iter().enumerate().filter(|(_, line)| is_unsafe(line)) {
            assert_eq!(file.room, BINDING, "{}:{} is unsafe outside of the binding", file.name, number + 1);
            let before = lines[number.saturating_sub(4)..number].iter();
            let reason = before.rev().any(|earlier| earlier.contains("// SAFETY:"));
            assert!(reason, "{}:{} is unsafe without a SAFETY reason: {line}", file.name, number + 1);
        }
    }
}

#[test]
fn every_export_catches_panics_and_goes_through_entry_under_its_javascript_name() {
    let mut complaints = Vec::new();
    for file in sources().iter().filter(|file| file.room == BINDING) {
        for export in attributes_with_functions(&without_comments(&file.text)) {
            let squeezed: String = export.body.split_whitespace().collect();
            if !export.attribute.contains("catch_unwind") {
                complaints.push(format!("{}: {} lacks catch_unwind", file.name, export.function));
            }
            if !squeezed.contains(&format!("entry(\"{}\"", export.javascript_name)) {
                complaints.push(format!(
                    "{}: {} does not call entry(\"{}\")",
                    file.name, export.function, export.javascript_name
                ));
            }
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}
