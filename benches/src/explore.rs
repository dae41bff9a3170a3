//! The explorer, beside a loop by hand with a fresh mock for each run: two clients, twenty
//! messages, in memory.

use futures_util::{SinkExt, StreamExt};
use mock_ivs_chat::hook;
use mock_ivs_chat::{Capability, ClientStream, Handle, MockIvsChat, Quotas, explore as explored};
use tokio::runtime;
use tokio::time::{Duration, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

use crate::measure::{Effort, Figure, Target, Unit, rounds, seconds};

/// Measures a run of the explorer on two threads. The target is 4,000 runs per second.
pub fn measure(effort: Effort) -> Vec<Figure> {
    let contest = rounds(
        effort.times(9),
        &mut [
            ("ours", &mut || exploration(2)),
            ("a loop by hand on one thread", &mut || by_hand(effort.times(1_000))),
        ],
    );
    let what = "a run of 2 clients and 20 messages, 2 threads";
    let targets = [Target::AtMost(1.0 / 4_000.0)];
    let mut figures = Figure::against(what, Unit::Time, &contest, &targets);
    let single = rounds(
        effort.times(9),
        &mut [
            ("ours", &mut || exploration(1)),
            ("a loop by hand on one thread", &mut || by_hand(effort.times(1_000))),
        ],
    );
    let what = "a run of 2 clients and 20 messages, 1 thread";
    figures.extend(Figure::against(what, Unit::Time, &single, &[Target::None]));
    figures
}

fn settings() -> mock_ivs_chat::MockIvsChatBuilder {
    MockIvsChat::builder().quotas(Quotas::unlimited())
}

/// Seconds per run of an exploration.
fn exploration(threads: usize) -> f64 {
    let mut runs = 0;
    let elapsed = seconds(|| {
        let exploration = explored(chat).mock(settings).in_memory().threads(threads).run();
        runs = exploration.run_count();
        assert!(exploration.problems().is_empty(), "{exploration}");
    });
    elapsed / runs as f64
}

/// Seconds per run of a loop as a test would have it: a hook, a fresh mock, a paused runtime.
fn by_hand(runs: usize) -> f64 {
    let elapsed = seconds(|| {
        for run in 0..runs {
            let mut builder = runtime::Builder::new_current_thread();
            let runtime = builder.enable_all().start_paused(true).build();
            runtime.expect("a runtime can be built").block_on(async {
                let ivs = settings().in_memory().quiet().start();
                ivs.install(hook::on_delivery().to("alice").nth(run % 20 + 1).drop_frame());
                // A lost frame may make the scenario fail, which a loop has to look at.
                let _failed = timeout(Duration::from_secs(600), chat(ivs.handle())).await;
                assert!(!ivs.log().to_string().is_empty());
            });
        }
    });
    elapsed / runs as f64
}

/// Two clients say ten messages each, and both hear them all.
async fn chat(ivs: Handle) -> Result<(), &'static str> {
    let room = ivs.create_room("lobby");
    let mut clients = Vec::new();
    for user in ["alice", "bob"] {
        let token = room.chat_token(user).capability(Capability::SendMessage).create();
        let stream = ivs.connect(&token).await.map_err(|_| "no connection")?;
        clients.push(WebSocketStream::from_raw_socket(stream, Role::Client, None).await);
    }
    for number in 0..20 {
        let frame = format!(
            r#"{{"Action":"SEND_MESSAGE","RequestId":"r{number}","Content":"message {number}"}}"#
        );
        let sender: &mut WebSocketStream<ClientStream> = &mut clients[number % 2];
        sender.send(Message::text(frame)).await.map_err(|_| "cannot send")?;
        for client in &mut clients {
            client.next().await.ok_or("the connection ended")?.map_err(|_| "no frame")?;
        }
    }
    Ok(())
}
