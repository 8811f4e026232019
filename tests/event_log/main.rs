//! The event log without Node: what is acknowledged stays, in order, once, whatever happens to the files.

#[cfg(unix)]
mod away;
mod checkpoint;
mod cleaning;
mod copied;
mod frozen;
mod long_ids;
mod lost_numbers;
mod numbers;
mod reading;
mod recovery;
mod removed;
mod replaying;
mod restored;
mod retention;
mod sharing;
mod support;
mod together;
#[cfg(unix)]
mod unreadable;
mod verifying;
mod wishes;
mod withdrawing;
mod writing;
