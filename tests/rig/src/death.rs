//! How a process ends itself at a point, and says so just before.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::Rng as _;
use rustix::process::{Signal, getpid, kill_process};

/// The file to which a process writes the point at which it is about to kill itself.
pub fn testament(folder: &Path, process: usize) -> PathBuf {
    folder.join(format!("testament{process}"))
}

/// Writes down where, and ends this process at once.
pub fn die(testament: &Path, point: &str) {
    static DYING: AtomicBool = AtomicBool::new(false);
    if DYING.swap(true, Ordering::SeqCst) {
        // Another thread is about to; this one must do nothing more.
        loop {
            std::thread::park();
        }
    }
    if let Err(error) = fs::write(testament, point) {
        // The coordinator misses it, and fails.
        eprintln!("{}: {error}", testament.display());
    }
    kill();
}

/// Ends this process at once, as `kill -9` does.
pub fn kill() {
    if let Err(error) = kill_process(getpid(), Signal::KILL) {
        eprintln!("this process could not be killed: {error}");
    }
}

/// Runs the call and dies while it is under way, unless it is answered before.
pub async fn die_during<T>(testament: &Path, point: String, call: impl Future<Output = T>) -> T {
    let answered = Arc::new(AtomicBool::new(false));
    let (over, testament) = (answered.clone(), testament.to_owned());
    // A thread: timers of the runtime are too coarse for calls of a tenth of a millisecond.
    let pause = Duration::from_micros(rand::rng().random_range(0..300));
    std::thread::spawn(move || {
        std::thread::sleep(pause);
        if !over.load(Ordering::SeqCst) {
            die(&testament, &point);
        }
    });
    let answer = call.await;
    answered.store(true, Ordering::SeqCst);
    answer
}
