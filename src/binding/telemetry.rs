//! `SMALLTALK_LOG` decides what the core prints to stderr.

use std::sync::Once;

use tracing_subscriber::EnvFilter;

static STARTED: Once = Once::new();

/// Silent but for warnings, unless the environment says otherwise. The first environment of the process decides.
#[napi_derive::module_init]
fn start() {
    STARTED.call_once(|| {
        // What starts containers hands over a variable that nobody has set as a blank one.
        let given = std::env::var("SMALLTALK_LOG").ok().filter(|text| !text.trim().is_empty());
        let filter = given.and_then(|text| EnvFilter::try_new(text).ok());
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new("smalltalk=warn")))
            // What cannot be printed is not worth a panic, on the thread that warns of a disk in trouble.
            .log_internal_errors(false)
            .with_writer(std::io::stderr);
        let started = if std::env::var("SMALLTALK_LOG_FORMAT").as_deref() == Ok("json") {
            builder.json().try_init()
        } else {
            builder.try_init()
        };
        // Somebody else in the process already listens: theirs is the say.
        drop(started);
    });
}
