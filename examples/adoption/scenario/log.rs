//! Every answer in order, as a digest.

use std::fmt::Debug;

use chrono::NaiveDateTime;
use sha2::{Digest as _, Sha256};

pub struct Log {
    began: NaiveDateTime,
    answers: usize,
    hash: Sha256,
    trace: bool,
}

impl Log {
    pub fn new(began: NaiveDateTime) -> Self {
        let trace = std::env::args().any(|argument| argument == "--trace");
        Self { began, answers: 0, hash: Sha256::new(), trace }
    }

    pub fn say(&mut self, answer: String) {
        if self.trace {
            println!("{answer}");
        }
        self.answers += 1;
        self.hash.update(answer + "\n");
    }

    /// An outcome, of errors what the client would see.
    pub fn outcome<T: Debug, E: std::fmt::Display>(&mut self, what: &str, outcome: Result<T, E>) {
        match outcome {
            Ok(value) => self.say(format!("{what}: {value:?}")),
            Err(error) => self.say(format!("{what}: {error}")),
        }
    }

    /// A moment, told so that the digest is the same on every day.
    pub fn offset(&self, moment: NaiveDateTime) -> i64 {
        (moment - self.began).num_seconds()
    }

    pub fn answers(&self) -> usize {
        self.answers
    }

    pub fn digest(&self) -> String {
        let digest = self.hash.clone().finalize();
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
