//! Lists of sessions and keys, whole or page by page. A page begins behind the last entry of the one before, so that it
//! costs the same wherever it is.

use rusqlite::{Connection, params_from_iter, types::Value};

use super::{conditions::Conditions, counters::last_version, failure::failure};
use crate::{
    error::Result,
    storage::session::{OrderBy, SessionFilter},
};

/// The last session of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSession {
    /// What the pages are ordered by; where that is the id, any number.
    pub value: i64,
    /// Its id.
    pub id: String,
    /// A session of a later version is passed over: it has moved, and may have been given already. Absent where all count.
    pub until: Option<i64>,
}

/// A page of ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionPage {
    /// In order.
    pub ids: Vec<String>,
    /// What the last of them is ordered by; absent where there is none.
    pub last_value: Option<i64>,
    /// The last version given out before the page was read.
    pub version: i64,
}

/// Which keys to list.
#[derive(Debug, Clone)]
pub struct KeyFilter {
    /// Those that begin so.
    pub prefix: String,
    /// Those behind this one.
    pub after: Option<String>,
    /// At the most so many.
    pub limit: i64,
    /// Those that have not expired then, in milliseconds since the epoch.
    pub now: i64,
}

/// The ids that pass the filter, in its order, behind `after`.
pub fn sessions(connection: &Connection, filter: &SessionFilter, after: Option<LastSession>) -> Result<SessionPage> {
    let (beyond, direction) = if filter.ascending { (">", "ASC") } else { ("<", "DESC") };
    let value = match filter.order_by {
        OrderBy::UpdatedAt => Some("updated_at"),
        OrderBy::CreatedAt => Some("created_at"),
        OrderBy::Id => None,
    };
    let mut wanted = Conditions::default();
    wanted.when("version <= ?", after.as_ref().and_then(|last| last.until));
    wanted.when("active_agent = ?", filter.active_agent.clone());
    wanted.when("created_at >= ?", filter.created_after);
    wanted.when("created_at < ?", filter.created_before);
    wanted.when("updated_at >= ?", filter.updated_after);
    wanted.when("updated_at < ?", filter.updated_before);
    wanted.begins("id", filter.id_prefix.as_deref().unwrap_or_default());
    match (after, value) {
        (Some(last), Some(value)) => {
            wanted.and(format!("({value}, id) {beyond} (?, ?)"), [Value::from(last.value), Value::from(last.id)]);
        }
        (Some(last), None) => wanted.and(format!("id {beyond} ?"), [Value::from(last.id)]),
        (None, _) => {}
    }
    let (wanted, values) = wanted.finish([filter.limit.unwrap_or(-1), filter.offset]);
    let order = value.map(|value| format!("{value} {direction}, ")).unwrap_or_default();
    let value = value.unwrap_or("0");
    let sql = format!("SELECT id, {value} FROM sessions {wanted} ORDER BY {order}id {direction} LIMIT ? OFFSET ?");
    let read = || -> rusqlite::Result<SessionPage> {
        // Before the rows: what is changed in between then counts as changed.
        let mut page = SessionPage { version: last_version(connection)?, ..SessionPage::default() };
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            page.ids.push(row.get(0)?);
            page.last_value = Some(row.get(1)?);
        }
        Ok(page)
    };
    read().map_err(|error| failure("listing sessions", &error))
}

/// The keys that pass the filter, by code points.
pub fn keys(connection: &Connection, filter: KeyFilter) -> Result<Vec<String>> {
    let mut wanted = Conditions::default();
    wanted.begins("key", &filter.prefix);
    wanted.when("key > ?", filter.after);
    wanted.and("(expires_at IS NULL OR expires_at > ?)", [Value::from(filter.now)]);
    let (wanted, values) = wanted.finish([filter.limit]);
    connection
        .prepare_cached(&format!("SELECT key FROM key_values {wanted} ORDER BY key LIMIT ?"))
        .and_then(|mut statement| statement.query_map(params_from_iter(values), |row| row.get(0))?.collect())
        .map_err(|error| failure("listing keys", &error))
}
