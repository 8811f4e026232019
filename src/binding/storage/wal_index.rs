//! The head of SQLite's index of its write-ahead log: it is in memory that all connections share, and each commit of any of
//! them writes it anew. A reader of SQLite's own begins by comparing it with what it has seen last
//! (<https://www.sqlite.org/walformat.html#the_wal_index_file_format>).

use std::{
    array, ptr,
    sync::atomic::{AtomicU32, Ordering},
};

use rusqlite::{Connection, ffi};

use crate::storage::sqlite::CommitMark;

/// The index comes in regions of so many bytes, the first of which begins with the head.
const REGION: i32 = 32 * 1024;

/// The mark of the last commit: the first copy of the head, which is written last. It has a counter of the changes, the last
/// frame, the salts and a checksum. `None` where the connection has no such memory.
pub fn read_mark(connection: &Connection) -> Option<CommitMark> {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    let mut region: *mut std::ffi::c_void = ptr::null_mut();
    // SAFETY: the connection is open as long as it is borrowed, and this operation writes one pointer to where it is told.
    let found = unsafe {
        ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            (&raw mut file).cast(),
        )
    };
    // SAFETY: the pointer is to the connection's open file, whose methods do not change as long as it is open; version 2 of
    // them has shared memory.
    let methods = (found == ffi::SQLITE_OK).then(|| unsafe { file.as_ref()?.pMethods.as_ref() }).flatten()?;
    let map = methods.xShmMap.filter(|_| methods.iVersion >= 2)?;
    // SAFETY: asks for the region that the engine itself has mapped with this size, and has it mapped where it was not; it is
    // not made where it is missing. The connection is used by this thread alone.
    let mapped = unsafe { map(file, 0, REGION, 0, &raw mut region) };
    let head = (mapped == ffi::SQLITE_OK && !region.is_null()).then(|| region.cast::<AtomicU32>())?;
    // SAFETY: the region is longer than the head, begins at a page of memory, and stays mapped until the connection is closed.
    // Other processes write to it meanwhile, which atomic loads are for.
    Some(array::from_fn(|at| unsafe { (*head.add(at)).load(Ordering::Acquire) }))
}
