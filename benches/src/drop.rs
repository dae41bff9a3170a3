//! The end of a mock: idle, and with open connections.

use mock_ivs_chat::MockIvsChat;

use crate::fan_out::tokens;
use crate::measure::{Effort, Figure, Target, Unit, rounds, seconds};
use crate::servers::bare;
use crate::wire::connect;

/// Measures drops.
pub fn measure(effort: Effort) -> Vec<Figure> {
    let mut idle = || {
        let ivs = MockIvsChat::start();
        // A mock that has not begun to run yet would be too easy to end.
        ivs.create_room("lobby");
        let connection = std::net::TcpStream::connect(ivs.addr());
        drop(connection.expect("the mock listens"));
        seconds(|| drop(ivs))
    };
    let mut floor = || {
        let server = bare();
        let connection = std::net::TcpStream::connect(server.addr());
        drop(connection.expect("the server listens"));
        seconds(|| drop(server))
    };
    let rounds_of_idle = effort.times(201);
    let name = "a bare port, thread and runtime";
    let mut idle = rounds(rounds_of_idle, &mut [("ours", &mut idle), (name, &mut floor)]);
    let floor = idle.pop();
    let ours = idle.remove(0);
    let mut figure = Figure::alone("drop, idle", Unit::Time, ours, Target::AtMost(100e-6));
    figure.other = floor;
    let mut busy = rounds(effort.times(51), &mut [("ours", &mut with_100_connections)]);
    let target = Target::AtMost(2e-3);
    let busy = Figure::alone("drop, 100 connections", Unit::Time, busy.remove(0), target);
    vec![figure, busy]
}

fn with_100_connections() -> f64 {
    let ivs = MockIvsChat::start();
    let tokens = tokens(&ivs.create_room("lobby"), 100);
    let _clients: Vec<_> = tokens.iter().map(|token| connect(ivs.addr(), token)).collect();
    seconds(|| drop(ivs))
}
