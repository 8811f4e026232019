//! Where conversations live. The core keeps texts that the face has encoded; it never looks into a payload.

mod json;
pub mod session;
pub mod sqlite;
