//! The SQLite store without Node.

mod append;
mod background;
mod batches;
mod changes;
mod migration;
mod model;
mod store;
mod support;
