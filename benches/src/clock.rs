//! The clock, advanced over many deadlines in one step.

use std::time::Duration;

use crate::fan_out::steady;
use crate::measure::{Effort, Figure, Samples, Target, Unit, seconds};

/// Measures sessions that expire: 100,000 of them, at 180 different times.
pub fn measure(effort: Effort) -> Vec<Figure> {
    let count = if effort == Effort::Quick { 100 } else { 100_000 };
    let values = (0..effort.times(5)).map(|_| expire(count)).collect();
    let samples = Samples { name: "ours".into(), values };
    let what = format!("advancing the clock over {count} sessions, each");
    vec![Figure::alone(&what, Unit::Time, samples, Target::None)]
}

fn expire(count: u32) -> f64 {
    let ivs = steady().start();
    let room = ivs.create_room("lobby");
    let join = |number: u32| {
        let token = room.chat_token(format!("user-{number}"));
        token.session_duration_in_minutes(number % 180 + 1).join()
    };
    let users: Vec<_> = (0..count).map(join).collect();
    let elapsed = seconds(|| ivs.advance(Duration::from_secs(3 * 3_600)));
    assert!(users.iter().all(|user| !user.is_connected()), "a session outlived its time");
    elapsed / f64::from(count)
}
