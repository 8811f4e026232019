//! Reads Rust sources as text, well enough for questions about imports and attributes.

use std::{collections::BTreeSet, fs, path::Path};

pub struct SourceFile {
    /// Below `src`, with slashes.
    pub name: String,
    /// The module right below the crate that the file belongs to.
    pub room: String,
    pub text: String,
}

/// A function that an attribute gives to JavaScript.
pub struct Export {
    pub attribute: String,
    pub function: String,
    pub javascript_name: String,
    pub body: String,
}

pub fn rust_files(root: &Path) -> Vec<SourceFile> {
    let mut files = Vec::new();
    collect(root, root, &mut files);
    assert!(!files.is_empty(), "no sources in {}", root.display());
    files
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            let room = name.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
            files.push(SourceFile { name, room, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

/// The text without line comments, so that what is only spoken of does not count.
pub fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// The rooms that a file names after `crate::`, also in groups and in the middle of an expression.
pub fn imported_rooms(text: &str) -> BTreeSet<String> {
    let code = without_comments(text);
    let mut rooms = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        // `$crate::` stands in a macro, and `smalltalk_crate::` would be a name of its own.
        if code[..at].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_') {
            continue;
        }
        match rest.strip_prefix('{') {
            Some(group) => rooms.extend(first_names(group)),
            None => rooms.extend(name_at(rest)),
        }
    }
    // What `lib.rs` re-exports for users is not a room.
    rooms.retain(|room| room.starts_with(char::is_lowercase));
    rooms
}

/// The first name of each member of `a::b, c::{d, e}, f}`.
fn first_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut expects_name) = (0_u32, true);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expects_name = true,
            _ if expects_name && !character.is_whitespace() => {
                names.extend(name_at(&group[at..]));
                expects_name = false;
            }
            _ => {}
        }
    }
    names
}

fn name_at(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// Every function below a `#[napi…]`; structs, enums and module hooks are not called from JavaScript.
pub fn attributes_with_functions(code: &str) -> Vec<Export> {
    let mut exports = Vec::new();
    for start in ["#[napi(", "#[napi]", "#[napi_derive::napi(", "#[napi_derive::napi]"] {
        for (at, _) in code.match_indices(start) {
            let attribute = until_balanced(&code[at + 1..], '[', ']');
            let item = after_attributes(&code[at + 1 + attribute.len()..]);
            let Some((_, after)) = item.split_once("fn ").filter(|(before, _)| is_qualifiers(before)) else { continue };
            let function = name_at(after).unwrap_or_default();
            let body = after.find('{').map(|open| until_balanced(&after[open..], '{', '}')).unwrap_or_default();
            let javascript_name = js_name(&attribute).unwrap_or_else(|| camel_case(&function));
            exports.push(Export { attribute, function, javascript_name, body });
        }
    }
    exports
}

fn after_attributes(text: &str) -> &str {
    let mut rest = text.trim_start();
    while let Some(attribute) = rest.strip_prefix('#') {
        rest = attribute[until_balanced(attribute, '[', ']').len()..].trim_start();
    }
    rest
}

fn is_qualifiers(text: &str) -> bool {
    text.split_whitespace().all(|word| matches!(word, "pub" | "async" | "unsafe") || word.starts_with("pub("))
}

/// From the opening character, with which the text begins, to the one that closes it.
fn until_balanced(text: &str, open: char, close: char) -> String {
    let mut depth = 0_u32;
    for (at, character) in text.char_indices() {
        if character == open {
            depth += 1;
        } else if character == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return text[..=at].to_owned();
            }
        }
    }
    text.to_owned()
}

fn js_name(attribute: &str) -> Option<String> {
    let (_, after) = attribute.split_once("js_name")?;
    after.split('"').nth(1).map(str::to_owned)
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |joined, word| {
        let mut letters = word.chars();
        joined
            + &letters.next().map(|letter| letter.to_ascii_uppercase().to_string()).unwrap_or_default()
            + letters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_single_paths_are_read() {
        let text =
            "use crate::{\n    error::{Error, Result},\n    fault, worker::Worker,\n};\nlet x = crate::reply::Reply;\n";
        let rooms: Vec<_> = imported_rooms(text).into_iter().collect();
        assert_eq!(rooms, ["error", "fault", "reply", "worker"]);
    }

    #[test]
    fn exports_are_told_from_structs_and_hooks() {
        let code = "#[napi(object)]\npub struct A {}\n#[napi(catch_unwind)]\n#[allow(dead_code)]\npub fn log_open(a: u32) -> u32 { entry(\"logOpen\", || { 1 }) }\nfn other() { entry(\"x\") }";
        let exports = attributes_with_functions(code);
        assert_eq!(exports.len(), 1);
        assert_eq!((exports[0].function.as_str(), exports[0].javascript_name.as_str()), ("log_open", "logOpen"));
        assert!(exports[0].body.contains("logOpen") && !exports[0].body.contains("\"x\""));
    }
}
