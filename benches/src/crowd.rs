//! Many clients on one thread that count the bytes they get, and do nothing else with them.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::wire;

/// Clients of one server. The first of them publishes.
pub struct Crowd {
    poll: Poll,
    events: Events,
    streams: Vec<TcpStream>,
    buffer: Vec<u8>,
}

impl Crowd {
    /// Connects a client for each token.
    pub fn connect(addr: SocketAddr, tokens: &[String]) -> Self {
        let poll = Poll::new().expect("a poll is available");
        let open = |(index, token): (usize, &String)| {
            let stream = wire::connect(addr, token);
            stream.set_nonblocking(true).expect("a fresh socket takes options");
            let mut stream = TcpStream::from_std(stream);
            let registered =
                poll.registry().register(&mut stream, Token(index), Interest::READABLE);
            registered.expect("a socket can be registered");
            stream
        };
        let streams = tokens.iter().enumerate().map(open).collect();
        Self { poll, events: Events::with_capacity(1_024), streams, buffer: vec![0; 64 * 1_024] }
    }

    pub fn len(&self) -> usize {
        self.streams.len()
    }

    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Has the first client send frames, in one write, and waits until all clients together have
    /// got `bytes` bytes.
    pub fn publish(&mut self, frames: &[u8], bytes: usize) {
        self.streams[0].write_all(frames).expect("frames fit into the socket's buffer");
        let mut received = 0;
        while received < bytes {
            match self.poll.poll(&mut self.events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result.expect("a poll can be polled"),
            }
            for event in &self.events {
                let stream = &mut self.streams[event.token().0];
                // Events come once for what is new, so all of it has to be read; less than was
                // asked for is all.
                loop {
                    match stream.read(&mut self.buffer) {
                        Ok(0) => panic!("the server closed a connection"),
                        Ok(count) => {
                            received += count;
                            if count < self.buffer.len() {
                                break;
                            }
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => panic!("the server reset a connection: {error}"),
                    }
                }
            }
        }
        assert_eq!(received, bytes, "clients got more than was sent");
    }
}
