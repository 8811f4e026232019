//! The SQLite store without Node.

mod append;
mod background;
mod batches;
mod changes;
mod migration;
mod model;
mod reading;
mod store;
mod support;
