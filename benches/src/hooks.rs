//! The cost of hooks that are evaluated and do not fire.

use mock_ivs_chat::{MockIvsChat, Participant, log::LogRetention};

use crate::fan_out::steady;
use crate::measure::{Effort, Figure, Samples, Target, Unit, rounds, seconds};

const COUNTS: [usize; 3] = [0, 10, 1_000];

/// Measures a publish with hooks on actions, and a delivery with hooks on deliveries.
pub fn measure(effort: Effort) -> Vec<Figure> {
    let action = |ivs: &MockIvsChat| drop(ivs.on_action().from("nobody").ignore());
    let delivery = |ivs: &MockIvsChat| drop(ivs.on_delivery().to("nobody").drop_frame());
    let mut figures = compare(effort, "publish, hooks on actions", 1, action);
    figures.extend(compare(effort, "delivery to 100, hooks on deliveries", 100, delivery));
    figures
}

/// A room of `size` that lives in the mock, so that only the mock's own work is measured.
fn compare(effort: Effort, what: &str, size: usize, install: fn(&MockIvsChat)) -> Vec<Figure> {
    let publishes = effort.times((20_000 / size).max(2));
    let mut rooms = COUNTS.map(|count| {
        // The kept log must not grow from round to round.
        let ivs = steady().log_retention(LogRetention::Last(1_000)).start();
        (0..count).for_each(|_| install(&ivs));
        let room = ivs.create_room("lobby");
        let users: Vec<Participant> =
            (0..size).map(|user| room.participant(format!("user-{user}"))).collect();
        move || {
            // The mock lives as long as its room.
            let _lives = &ivs;
            let say = || (0..publishes).for_each(|_| drop(users[0].send_message("hello")));
            seconds(say) / (publishes * size) as f64
        }
    });
    let [none, ten, thousand] = &mut rooms;
    let contest = rounds(
        effort.times(11),
        &mut [("1,000 hooks", thousand), ("no hooks", none), ("10 hooks", ten)],
    );
    let [thousand, none, ten] = &contest[..] else { unreachable!("three take turns") };
    let figure = |ours: &Samples| {
        let what = format!("{what}, {}", ours.name);
        let contest = [ours.clone(), none.clone()];
        Figure::against(&what, Unit::Time, &contest, &[Target::None])
    };
    [ten, thousand].into_iter().flat_map(figure).collect()
}
