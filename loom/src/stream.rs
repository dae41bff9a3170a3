//! A stand-in for the stream: it keeps what is written, and takes only so much immediately.

use std::io::{Error, ErrorKind, IoSlice, Result};

use loom::sync::Mutex;

/// A stream whose peer reads again only when the connection task writes.
#[derive(Debug)]
pub(crate) struct SharedStream(Mutex<Pipe>);

#[derive(Debug)]
struct Pipe {
    written: Vec<u8>,
    room: usize,
}

impl SharedStream {
    pub(crate) fn new(room: usize) -> Self {
        Self(Mutex::new(Pipe { written: Vec::new(), room }))
    }

    /// Writes one byte at a time, so that a batch takes several writes.
    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>]) -> Result<usize> {
        let mut pipe = self.0.lock().expect("no other thread panics");
        if pipe.room == 0 {
            return Err(Error::from(ErrorKind::WouldBlock));
        }
        pipe.room -= 1;
        pipe.written.push(slices[0][0]);
        Ok(1)
    }

    /// Writes as the connection task does, which can wait for the peer.
    pub(crate) fn write(&self, slices: &[IoSlice<'_>]) -> usize {
        self.0.lock().expect("no other thread panics").written.push(slices[0][0]);
        1
    }

    pub(crate) fn written(&self) -> String {
        let pipe = self.0.lock().expect("no other thread panics");
        String::from_utf8_lossy(&pipe.written).into_owned()
    }
}
