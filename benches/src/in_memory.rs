//! One client publishes, everybody in the room gets it, over streams in memory on one thread.

use std::cell::RefCell;
use std::rc::Rc;

use mock_ivs_chat::{ChatToken, MockIvsChat};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split};
use tokio::runtime::Builder;
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

use crate::fan_out::{chat_tokens, sample, steady};
use crate::measure::{Effort, Figure, Target, Unit, rounds, seconds};
use crate::wire::{PUBLISH, masked, unmasked};

/// Measures rooms of two sizes, against a task that does nothing but copy prepared bytes into as
/// many pipes.
pub fn measure(effort: Effort) -> Vec<Figure> {
    let sizes: &[usize] = if effort == Effort::Quick { &[20] } else { &[1_000, 50_000] };
    sizes.iter().flat_map(|size| measure_room(effort, *size)).collect()
}

fn measure_room(effort: Effort, size: usize) -> Vec<Figure> {
    let runtime =
        Builder::new_current_thread().enable_time().build().expect("a runtime is available");
    let tasks = LocalSet::new();
    let ivs = {
        let _entered = runtime.enter();
        steady().in_memory().on_current_runtime().start()
    };
    let delivery = unmasked(&sample());
    let length = delivery.len();
    let tokens = chat_tokens(&ivs.create_room("lobby"), size);
    let ours = tasks.block_on(&runtime, join(&ivs, &tokens));
    let pipes = tasks.block_on(&runtime, async { prepared(size, delivery) });
    let publishes = effort.times((200_000 / size).max(4));
    let contestant = |crowd: Crowd| {
        let (tasks, runtime) = (&tasks, &runtime);
        move || {
            let elapsed = seconds(|| {
                tasks.block_on(runtime, async {
                    for _ in 0..publishes {
                        crowd.publish(length * size).await;
                    }
                });
            });
            elapsed / (publishes * size) as f64
        }
    };
    let (mut ours, mut pipes) = (contestant(ours), contestant(pipes));
    let contest = rounds(effort.times(9), &mut [("ours", &mut ours), ("bare pipes", &mut pipes)]);
    let [low, high] = [Target::None, Target::AtMost(1.0 / 500_000.0)];
    let target = if size == 50_000 { high } else { low };
    let what = format!("fan-out in memory to {size}, per delivery");
    Figure::against(&what, Unit::Time, &contest, &[target])
}

async fn join(ivs: &MockIvsChat, tokens: &[ChatToken]) -> Crowd {
    let mut streams = Vec::with_capacity(tokens.len());
    for token in tokens {
        streams.push(ivs.connect(token).await.expect("the mock lets everybody in"));
    }
    Crowd::new(streams.into_iter().map(split))
}

/// Pipes into which a task copies prepared bytes whenever one of them brings something.
fn prepared(size: usize, delivery: Vec<u8>) -> Crowd {
    let (clients, mut servers): (Vec<_>, Vec<DuplexStream>) =
        (0..size).map(|_| tokio::io::duplex(64 * 1_024)).unzip();
    tokio::task::spawn_local(async move {
        let mut publish = vec![0; masked(PUBLISH).len()];
        while servers[0].read_exact(&mut publish).await.is_ok() {
            for server in &mut servers {
                server.write_all(&delivery).await.expect("clients read");
            }
        }
    });
    Crowd::new(clients.into_iter().map(split))
}

/// Clients that count the bytes they get. The first of them publishes.
struct Crowd {
    received: Rc<RefCell<usize>>,
    news: Rc<Notify>,
    publisher: mpsc::UnboundedSender<()>,
}

impl Crowd {
    fn new<S>(streams: impl Iterator<Item = (ReadHalf<S>, WriteHalf<S>)>) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
    {
        let received = Rc::new(RefCell::new(0));
        let news = Rc::new(Notify::new());
        let (publisher, mut wanted) = mpsc::unbounded_channel();
        let mut writers = Vec::new();
        for (mut reader, writer) in streams {
            writers.push(writer);
            let (received, news) = (Rc::clone(&received), Rc::clone(&news));
            tokio::task::spawn_local(async move {
                let mut buffer = [0; 512];
                while let Ok(count @ 1..) = reader.read(&mut buffer).await {
                    *received.borrow_mut() += count;
                    news.notify_one();
                }
            });
        }
        tokio::task::spawn_local(async move {
            let publish = masked(PUBLISH);
            while wanted.recv().await.is_some() {
                writers[0].write_all(&publish).await.expect("the server reads");
            }
        });
        Self { received, news, publisher }
    }

    /// Has the first client publish, and waits until all clients together have got `bytes` bytes.
    async fn publish(&self, bytes: usize) {
        let wanted = *self.received.borrow() + bytes;
        self.publisher.send(()).expect("the publisher runs");
        while *self.received.borrow() < wanted {
            self.news.notified().await;
        }
    }
}
