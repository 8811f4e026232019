//! The SQLite store without Node.

mod append;
mod background;
mod batches;
mod changes;
mod lists;
mod migration;
mod model;
mod parts;
mod reading;
mod store;
mod support;
mod upkeep;
