//! The control plane: CreateChatToken over a connection that is kept.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use mock_ivs_chat::{MockIvsChat, Quotas};
use serde_json::json;

use crate::measure::{Effort, Figure, Target, Unit, rounds, seconds};
use crate::servers::hyper_answer;

/// Measures calls. The other server reads the body, and answers with one that was made before.
pub fn measure(effort: Effort) -> Vec<Figure> {
    let ivs = MockIvsChat::builder().quotas(Quotas::unlimited()).start();
    let room = ivs.create_room("lobby");
    let request = json!({
        "roomIdentifier": room.arn(),
        "userId": "alice",
        "capabilities": ["SEND_MESSAGE"],
        "attributes": { "displayName": "Alice" },
    });
    let request = request.to_string();
    let answer = Client::connect(ivs.addr(), &request).call();
    let bare = hyper_answer(&answer);
    let calls = effort.times(1_000);
    let contestant = |addr: SocketAddr| {
        let mut client = Client::connect(addr, &request);
        move || {
            let all = seconds(|| {
                for _ in 0..calls {
                    client.call();
                }
            });
            all / calls as f64
        }
    };
    let (mut ours, mut bare) = (contestant(ivs.addr()), contestant(bare.addr()));
    let contest = rounds(effort.times(15), &mut [("ours", &mut ours), ("hyper", &mut bare)]);
    Figure::against("CreateChatToken over HTTP", Unit::Time, &contest, &[Target::None])
}

struct Client {
    stream: TcpStream,
    request: Vec<u8>,
}

impl Client {
    fn connect(addr: SocketAddr, body: &str) -> Self {
        let stream = TcpStream::connect(addr).expect("the server listens");
        stream.set_nodelay(true).expect("a fresh socket takes options");
        let length = body.len();
        let request = format!(
            "POST /CreateChatToken HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        Self { stream, request: request.into() }
    }

    /// Calls once; returns the body of the answer.
    fn call(&mut self) -> String {
        self.stream.write_all(&self.request).expect("the server reads");
        let mut answer = Vec::new();
        let mut buffer = [0; 4_096];
        loop {
            let count = self.stream.read(&mut buffer).expect("the server answers");
            assert_ne!(count, 0, "the server closed the connection");
            answer.extend_from_slice(&buffer[..count]);
            if let Some(body) = body_of(&answer) {
                return body;
            }
        }
    }
}

/// The body of an answer that has arrived whole.
fn body_of(answer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200"), "{text}");
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let (_, length) = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    (Some(body.len()) == length.trim().parse().ok()).then(|| body.to_owned())
}
