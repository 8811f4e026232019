//! What the stores keep: sessions with their messages as rows, and values under keys.

/// A value as text, and the table of the places where it was more than JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// JSON on one line.
    pub text: String,
    /// JSON Pointer → tag, as a JSON object; absent where the value is plain JSON.
    pub types: Option<String>,
}

impl Encoded {
    /// As many bytes as it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.text.len() + self.types.as_ref().map_or(0, String::len)
    }
}

/// A session as the face hands it over: the state of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionImage {
    /// The key it is stored under.
    pub id: String,
    /// The session without its messages, which are an empty array in it.
    pub head: Encoded,
    /// For filters.
    pub active_agent: Option<String>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
    /// Which state this is, to those who save what changed since.
    pub stamp: i64,
    /// What must be stored for this to be.
    pub expected: Expected,
    /// The messages, in pieces that follow one another.
    pub messages: Vec<Lines>,
}

impl SessionImage {
    /// About as many bytes as it takes in a queue.
    #[must_use]
    pub fn size(&self) -> usize {
        self.messages.iter().map(Lines::size).sum::<usize>() + self.head.size()
    }
}

/// What changed of a session since a state that the face knows to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionChanges {
    /// The key it is stored under.
    pub id: String,
    /// The session without its messages, as it is now.
    pub head: Encoded,
    /// For filters.
    pub active_agent: Option<String>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
    /// The state they are the changes to.
    pub base_stamp: i64,
    /// The state they make.
    pub stamp: i64,
    /// The first and last positions of the messages that are gone.
    pub removed: Vec<(i64, i64)>,
    /// Where the written messages go; one that is there already is replaced.
    pub positions: Vec<i64>,
    /// The written messages.
    pub messages: Lines,
    /// How many messages there are afterwards.
    pub message_count: i64,
    /// What must be stored for this to be.
    pub expected: Expected,
}

impl SessionChanges {
    /// About as many bytes as it takes in a queue.
    #[must_use]
    pub fn size(&self) -> usize {
        self.head.size() + self.messages.size() + 16 * (self.removed.len() + self.positions.len())
    }
}

/// Messages for the end of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appendix {
    /// The key of the session.
    pub id: String,
    /// The messages.
    pub messages: Lines,
    /// How many they are.
    pub count: i64,
    /// The moment, in milliseconds since the epoch, and as the text that a session has for it.
    pub now: (i64, String),
    /// The state it makes.
    pub stamp: i64,
}

/// What became of a session by an [`Appendix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// How many messages it has now.
    pub count: i64,
    /// Where the first of the new ones is.
    pub first_position: i64,
    /// The state it had before.
    pub previous_stamp: i64,
}

/// What must be stored for a change to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expected {
    /// Whatever there is.
    #[default]
    Anything,
    /// No session of that id.
    Nothing,
    /// This version.
    Version(i64),
}

/// Several encoded values, one a line: JSON on one line has no line break, so lines cross the boundary as one text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// The values; empty text means that there are none.
    pub texts: String,
    /// Their tables, as many lines; an empty line where a value is plain JSON.
    pub types: String,
}

impl Lines {
    /// The values in order, with their tables.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let texts = (!self.texts.is_empty()).then(|| lines_of(&self.texts)).into_iter().flatten();
        texts.zip(lines_of(&self.types)).map(|(text, types)| (text, (!types.is_empty()).then_some(types)))
    }

    /// As many bytes as they have.
    #[must_use]
    pub fn size(&self) -> usize {
        self.texts.len() + self.types.len()
    }

    /// Adds a value.
    pub fn push(&mut self, text: &str, types: Option<&str>) {
        if !self.texts.is_empty() {
            self.texts.push('\n');
            self.types.push('\n');
        }
        self.texts.push_str(text);
        self.types.push_str(types.unwrap_or_default());
    }
}

/// The lines of a text, in a fraction of the time that its `split` takes.
fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    let ends = memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]);
    ends.scan(0, |start, end| text.get(std::mem::replace(start, end + 1)..end))
}

/// A session as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The session without its messages.
    pub head: Encoded,
    /// Its messages in order.
    pub messages: Lines,
}

/// Which sessions a list shall have.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// At the most so many; absent: all.
    pub limit: Option<i64>,
    /// So many are passed over first.
    pub offset: i64,
    /// Only those with this active agent.
    pub active_agent: Option<String>,
    /// Created then or later, in milliseconds since the epoch.
    pub created_after: Option<i64>,
    /// Created earlier than that.
    pub created_before: Option<i64>,
    /// Updated then or later.
    pub updated_after: Option<i64>,
    /// Updated earlier than that.
    pub updated_before: Option<i64>,
    /// Ids that begin so.
    pub id_prefix: Option<String>,
    /// By what they are ordered; ties go by id, in the same direction.
    pub order_by: OrderBy,
    /// Smallest first.
    pub ascending: bool,
}

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OrderBy {
    /// The last change.
    #[default]
    UpdatedAt,
    /// The beginning.
    CreatedAt,
    /// The id, by code points.
    Id,
}

/// What a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Sessions.
    pub sessions: i64,
    /// Messages of all sessions.
    pub messages: i64,
    /// Keys that have not expired.
    pub keys: i64,
    /// Bytes of the database and its log.
    pub size_bytes: i64,
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn lines_come_back_as_they_were_pushed() {
        let mut lines = Lines::default();
        assert_eq!(lines.iter().count(), 0);
        lines.push("1", None);
        lines.push("2", Some("{}"));
        lines.push("3", None);
        assert_eq!(lines.iter().collect::<Vec<_>>(), [("1", None), ("2", Some("{}")), ("3", None)]);
    }
}
