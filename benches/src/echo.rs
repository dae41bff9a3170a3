//! One connection: from a publish to its own echo.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::fan_out::{steady, tokens};
use crate::measure::{Effort, Figure, Target, Unit, rounds, seconds};
use crate::servers::{fastwebsockets_echo, tungstenite_echo};
use crate::wire::{PUBLISH, connect, masked, read_text, unmasked};

/// Measures round trips. The other servers echo the publish itself, which is shorter than the
/// MESSAGE that the mock makes of it.
pub fn measure(effort: Effort) -> Vec<Figure> {
    let ivs = steady().start();
    let token = tokens(&ivs.create_room("lobby"), 1).remove(0);
    let (tungstenite, fastwebsockets) = (tungstenite_echo(), fastwebsockets_echo());
    let trips = effort.times(3_000);
    let contestant = |addr: SocketAddr| {
        let mut client = Client::connect(addr, &token);
        move || seconds(|| (0..trips).for_each(|_| client.round_trip())) / trips as f64
    };
    let mut ours = contestant(ivs.addr());
    let mut tungstenite = contestant(tungstenite.addr());
    let mut fastwebsockets = contestant(fastwebsockets.addr());
    let contest = rounds(
        effort.times(15),
        &mut [
            ("ours", &mut ours),
            ("tokio-tungstenite", &mut tungstenite),
            ("fastwebsockets", &mut fastwebsockets),
        ],
    );
    let targets = [Target::RatioAtMost(1.3), Target::None];
    Figure::against("publish to own echo", Unit::Time, &contest, &targets)
}

struct Client {
    stream: TcpStream,
    publish: Vec<u8>,
    echo: Vec<u8>,
}

impl Client {
    fn connect(addr: SocketAddr, token: &str) -> Self {
        let mut stream = connect(addr, token);
        let publish = masked(PUBLISH);
        stream.write_all(&publish).expect("the server reads");
        let echo = unmasked(&read_text(&mut stream));
        Self { stream, publish, echo }
    }

    fn round_trip(&mut self) {
        self.stream.write_all(&self.publish).expect("the server reads");
        self.stream.read_exact(&mut self.echo).expect("the server echoes");
    }
}
