//! What a list asks of its rows, put together from what its caller gives.

use rusqlite::types::Value;

/// Conditions that must all hold, and the values bound in them.
#[derive(Default)]
pub struct Conditions {
    clauses: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition with a value for each of its question marks.
    pub fn and(&mut self, clause: impl Into<String>, values: impl IntoIterator<Item = Value>) {
        self.clauses.push(clause.into());
        self.values.extend(values);
    }

    /// Adds a condition where there is a value for it.
    pub fn when(&mut self, clause: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.and(clause, [value.into()]);
        }
    }

    /// Adds that the text of `column` begins with `prefix`, as a range that an index serves.
    pub fn begins(&mut self, column: &str, prefix: &str) {
        if !prefix.is_empty() {
            self.and(format!("{column} >= ?"), [Value::from(prefix.to_owned())]);
            self.when(&format!("{column} < ?"), behind(prefix));
        }
    }

    /// The `WHERE` clause and the values, with those of what follows it.
    pub fn finish(mut self, following: impl IntoIterator<Item = i64>) -> (String, Vec<Value>) {
        self.values.extend(following.into_iter().map(Value::from));
        let clauses = self.clauses.join(" AND ");
        (if clauses.is_empty() { clauses } else { format!("WHERE {clauses}") }, self.values)
    }
}

/// The smallest text behind all that begin with `prefix`; none where these are the last of all. Text is ordered by code
/// points, as its bytes are.
fn behind(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::behind;

    #[test]
    fn what_is_behind_a_prefix_begins_with_it_no_more() {
        assert_eq!(behind("a/").as_deref(), Some("a0"));
        assert_eq!(behind("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(behind("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(behind("\u{10FFFF}"), None);
    }
}
