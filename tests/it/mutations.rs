//! The entries for fuzzing, over their corpus and a fixed number of mutations of it.

#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use crate::tidy::root;

#[expect(unreachable_pub, reason = "it is a crate of its own for the fuzzer")]
#[path = "../../fuzz/src/lib.rs"]
mod entries;

/// A small generator of numbers that are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..=numbers.next(4) {
        let at = numbers.next(bytes.len() + 1);
        match numbers.next(5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, numbers.next(256) as u8),
            2 => bytes.extend_from_within(at..),
            3 if at < bytes.len() => bytes[at] ^= 1 << numbers.next(8),
            _ if at < bytes.len() => bytes[at] = numbers.next(256) as u8,
            _ => {}
        }
    }
}

fn run(entry: &str, attack: fn(&[u8])) {
    let folder = format!("{}/fuzz/corpus/{entry}", root().display());
    let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    let rounds = std::env::var("MOCK_IVS_CHAT_MUTATIONS").ok();
    let rounds = rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(100);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for file in files {
        let original = std::fs::read(file).unwrap();
        attack(&original);
        for _ in 0..rounds {
            let mut bytes = original.clone();
            mutate(&mut bytes, &mut numbers);
            attack(&bytes);
        }
    }
}

#[test]
fn frames() {
    run("frame", entries::frame);
}

#[test]
fn bodies() {
    run("http", entries::http);
}

#[test]
fn tokens() {
    run("token", entries::token);
}

#[test]
fn handshakes() {
    run("handshake", entries::handshake);
}
