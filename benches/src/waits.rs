//! The cost of waits: sending messages and expecting each, and a failure after a long log.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mock_ivs_chat::{MockIvsChat, Participant};

use crate::fan_out::steady;
use crate::measure::{Effort, Figure, Target, Unit, rounds, seconds};

/// Measures waits of a participant, of the log, and of a cursor.
pub fn measure(effort: Effort) -> Vec<Figure> {
    let (few, many) = (effort.times(800), effort.times(3_200));
    let mut figures = Vec::new();
    let kinds: [(&str, Expect); 3] = [
        ("of a participant", |_, alice, content| drop(alice.expect_message(content).wait())),
        ("of the log", |ivs, _, content| drop(ivs.log().expect_message(content).wait())),
        ("of a cursor", |ivs, _, content| drop(ivs.log().cursor().expect_message(content).wait())),
    ];
    for (name, expect) in kinds {
        let mut short = || send_and_expect(few, expect);
        let mut long = || send_and_expect(many, expect);
        let contestants: &mut [(&str, &mut dyn FnMut() -> f64)] =
            &mut [("3,200 messages", &mut long), ("800 messages", &mut short)];
        let contest = rounds(effort.times(11), contestants);
        let what = format!("message and wait {name}, each of 3,200");
        figures.extend(Figure::against(&what, Unit::Time, &contest, &[Target::None]));
    }
    let mut failing = || fail_after(effort.times(100_000));
    let failing = rounds(effort.times(11), &mut [("ours", &mut failing)]).remove(0);
    let what = "failing wait after 100,000 messages, timeout of 1 ms included";
    figures.push(Figure::alone(what, Unit::Time, failing, Target::AtMost(1.0)));
    figures
}

type Expect = fn(&MockIvsChat, &Participant, String);

/// The time for one message and its wait, on average.
fn send_and_expect(count: usize, expect: Expect) -> f64 {
    let ivs = steady().start();
    let alice = ivs.create_room("lobby").participant("alice");
    let run = || {
        for number in 0..count {
            let content = format!("message {number}");
            alice.send_message(&content);
            expect(&ivs, &alice, content);
        }
    };
    seconds(run) / count as f64
}

fn fail_after(count: usize) -> f64 {
    let ivs = steady().wait_timeout(Duration::from_millis(1)).start();
    let alice = ivs.create_room("lobby").participant("alice");
    (0..count).for_each(|number| drop(alice.send_message(&format!("message {number}"))));
    // The panic is meant, so its message and backtrace are not printed.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let took = seconds(|| {
        let failed = catch_unwind(AssertUnwindSafe(|| alice.expect_message("never").wait()));
        assert!(failed.is_err(), "no client sends it");
    });
    std::panic::set_hook(hook);
    took
}
