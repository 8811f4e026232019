//! The SQLite store without Node.

mod append;
mod background;
mod batches;
mod bits;
mod changes;
mod coming;
mod counts;
mod foreign_pages;
mod lists;
mod migration;
mod misled;
mod model;
mod noticing;
mod parts;
mod reading;
mod restored;
mod room;
mod stopping;
mod store;
mod support;
mod upkeep;
