//! The SQLite store without Node.

mod migration;
mod store;
mod support;
