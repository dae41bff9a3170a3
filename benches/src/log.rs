//! The cost of the log: a delivery with all entries kept, with the last ones kept, and with none.

use mock_ivs_chat::{Participant, log::LogRetention};

use crate::fan_out::steady;
use crate::measure::{Effort, Figure, Target, Unit, rounds, seconds};

/// Measures a room of 1,000 that lives in the mock.
pub fn measure(effort: Effort) -> Vec<Figure> {
    let size = if effort == Effort::Quick { 10 } else { 1_000 };
    let publishes = effort.times(100);
    let recordings = [LogRetention::All, LogRetention::Off, LogRetention::Last(1_000)];
    let mut rooms = recordings.map(|recording| {
        move || {
            // A log of its own for each round, or the first would keep more and more.
            let ivs = steady().log_retention(recording).start();
            let room = ivs.create_room("lobby");
            let users: Vec<Participant> =
                (0..size).map(|user| room.participant(format!("user-{user}"))).collect();
            let say = || (0..publishes).for_each(|_| drop(users[0].send_message("hello")));
            seconds(say) / (publishes * size) as f64
        }
    });
    let [all, off, last] = &mut rooms;
    let contest = rounds(effort.times(11), &mut [("all", all), ("none", off), ("last", last)]);
    let names = ["none kept", "the last 1,000 kept"];
    let others = contest[1..].iter().zip(names);
    let rows = others.flat_map(|(other, name)| {
        let mut other = other.clone();
        other.name = name.into();
        let pair = [contest[0].clone(), other];
        Figure::against("logged delivery in the core, all kept", Unit::Time, &pair, &[Target::None])
    });
    rows.collect()
}
