//! Ctrl-C comes in; the wish to stop goes out, so that half-written output is removed.

use std::sync::atomic::{AtomicBool, Ordering};

static CANCELLED: AtomicBool = AtomicBool::new(false);

/// Listen for Ctrl-C: the first asks the work to stop and tidy up, the second ends the program at once.
pub(crate) fn listen() {
    let handler = || {
        if CANCELLED.swap(true, Ordering::SeqCst) {
            std::process::exit(1);
        }
    };
    // Without a handler Ctrl-C still ends the program; output under a final name is whole anyway.
    ctrlc::set_handler(handler).ok();
}

/// Whether Ctrl-C was pressed.
pub(crate) fn requested() -> bool {
    CANCELLED.load(Ordering::SeqCst)
}
