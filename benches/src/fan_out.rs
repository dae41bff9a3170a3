//! Fan-out: one client publishes, and all clients in the room receive it, with 1 and 16 publishes in
//! flight.

use mock_ivs_chat::{Capability, ChatToken, Clock, MockIvsChat, MockIvsChatBuilder, Quotas, Room};

use crate::crowd::Crowd;
use crate::measure::{Effort, Figure, Target, Unit, rounds, seconds};
use crate::servers::{raw_broadcast, tungstenite_broadcast};
use crate::wire::{PUBLISH, connect, masked, read_text, unmasked};

/// Measures rooms of several sizes.
pub fn measure(effort: Effort) -> Vec<Figure> {
    let sizes: &[usize] = if effort == Effort::Quick { &[1, 20] } else { &[1, 100, 1_000, 3_000] };
    sizes.iter().flat_map(|size| measure_room(effort, *size)).collect()
}

fn measure_room(effort: Effort, size: usize) -> Vec<Figure> {
    let ivs = steady().start();
    let text = sample();
    let room = ivs.create_room("lobby");
    let tokens = tokens(&room, size);
    let (publish, delivery) = (masked(PUBLISH), unmasked(&text));
    let raw = raw_broadcast(delivery.clone(), publish.len());
    let plain = tungstenite_broadcast(&text);
    let mut crowds =
        [ivs.addr(), raw.addr(), plain.addr()].map(|addr| Crowd::connect(addr, &tokens));
    let mut figures = Vec::new();
    for (in_flight, targets) in [
        (1, [Target::RatioAtMost(1.0), Target::None]),
        (16, [Target::RatioAtMost(0.5), Target::RatioAtMost(0.5)]),
    ] {
        let frames = publish.repeat(in_flight);
        let bytes = delivery.len() * size * in_flight;
        let publishes = effort.times((60_000 / size / in_flight).clamp(10, 3_000));
        let deliveries = (publishes * in_flight * size) as f64;
        let mut contestants = crowds.each_mut().map(|crowd| {
            crowd.publish(&frames, bytes);
            || {
                let elapsed =
                    seconds(|| (0..publishes).for_each(|_| crowd.publish(&frames, bytes)));
                elapsed / deliveries
            }
        });
        let [ours, raw, plain] = &mut contestants;
        let contest = rounds(
            effort.times(11),
            &mut [("ours", ours), ("raw sockets", raw), ("tokio-tungstenite", plain)],
        );
        let what = format!("fan-out to {size}, {in_flight} in flight, per delivery");
        let targets = if size == 1_000 { targets } else { [Target::None; 2] };
        figures.extend(Figure::against(&what, Unit::Time, &contest, &targets));
    }
    figures
}

/// A mock that refuses nothing, and whose frames all have the same length, so that they can be
/// counted.
pub fn steady() -> MockIvsChatBuilder {
    MockIvsChat::builder()
        .clock(Clock::frozen_at("2026-01-01T00:00:00Z"))
        .quotas(Quotas::unlimited())
}

/// A MESSAGE as such a mock delivers it.
pub fn sample() -> String {
    let ivs = steady().start();
    let tokens = tokens(&ivs.create_room("sample"), 1);
    let mut stream = connect(ivs.addr(), &tokens[0]);
    std::io::Write::write_all(&mut stream, &masked(PUBLISH)).expect("the mock reads");
    read_text(&mut stream)
}

/// Tokens for users of a room who may send.
pub fn tokens(room: &Room, count: usize) -> Vec<String> {
    chat_tokens(room, count).into_iter().map(|token| token.token).collect()
}

/// The same, as they are made.
pub fn chat_tokens(room: &Room, count: usize) -> Vec<ChatToken> {
    let token = |number: usize| {
        // Names of one length, so that all deliveries have one, too.
        let new = room.chat_token(format!("user-{number:06}"));
        new.capabilities(Capability::ALL).create()
    };
    (0..count).map(token).collect()
}
