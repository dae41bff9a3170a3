//! The shell: it carries bytes to the driver and from it, and decides nothing.

pub(crate) mod http;
pub(crate) mod link;
pub(crate) mod outbox;
pub(crate) mod socket;

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::driver::Driver;
use crate::net::link::Link;

/// What listens, and every stream that was accepted; whoever holds it can end them all at once.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    listener: Option<TcpListener>,
    links: BTreeMap<u64, Arc<Link>>,
    links_made: u64,
    tasks: Vec<AbortHandle>,
    is_closed: bool,
}

impl Sockets {
    pub(crate) fn new(listener: TcpListener) -> Arc<Self> {
        let inner = Inner { listener: Some(listener), ..Inner::default() };
        Arc::new(Self { inner: Mutex::new(inner) })
    }

    /// Closes the listener and cuts all streams, whatever their tasks are doing.
    pub(crate) fn close(&self) {
        let mut inner = self.inner.lock();
        inner.is_closed = true;
        inner.listener = None;
        for task in inner.tasks.drain(..) {
            task.abort();
        }
        for link in std::mem::take(&mut inner.links).into_values() {
            link.cut();
        }
    }

    /// Serves a stream until it ends.
    pub(crate) async fn serve(self: Arc<Self>, link: Arc<Link>, driver: Arc<Driver>) {
        let Some(number) = self.register(&link) else { return link.cut() };
        http::serve(Arc::clone(&link), driver).await;
        self.inner.lock().links.remove(&number);
    }

    fn register(&self, link: &Arc<Link>) -> Option<u64> {
        let mut inner = self.inner.lock();
        if inner.is_closed {
            return None;
        }
        inner.links_made += 1;
        let number = inner.links_made;
        inner.links.insert(number, Arc::clone(link));
        Some(number)
    }

    /// The next stream that a client opens; an error once the listener is closed.
    async fn accept(&self) -> io::Result<Arc<Link>> {
        std::future::poll_fn(|cx| {
            let inner = self.inner.lock();
            let Some(listener) = &inner.listener else {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            };
            listener.poll_accept(cx).map_ok(|(stream, _)| Link::tcp(stream))
        })
        .await
    }
}

/// Starts the tasks of a mock on the current runtime.
pub(crate) fn spawn(sockets: &Arc<Sockets>, driver: &Arc<Driver>) {
    let accepting = tokio::spawn(accept_all(Arc::clone(sockets), Arc::clone(driver)));
    let keeping_time = tokio::spawn(keep_time(Arc::clone(driver)));
    let tasks = [accepting.abort_handle(), keeping_time.abort_handle()];
    sockets.inner.lock().tasks.extend(tasks);
}

async fn accept_all(sockets: Arc<Sockets>, driver: Arc<Driver>) {
    loop {
        match sockets.accept().await {
            Ok(link) => {
                tokio::spawn(Arc::clone(&sockets).serve(link, Arc::clone(&driver)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return,
            // A client that was gone before it was accepted, or no descriptor left: the next one
            // may fare better, once others had their turn.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// Tells the driver the time whenever something is due.
async fn keep_time(driver: Arc<Driver>) {
    loop {
        let rescheduled = pin!(driver.rescheduled());
        match driver.tick() {
            None => rescheduled.await,
            Some(duration) => {
                let due = pin!(sleep(duration));
                first(rescheduled, due).await;
            }
        }
    }
}

/// Completes with the first of two futures.
async fn first(
    mut one: std::pin::Pin<&mut impl Future<Output = ()>>,
    mut other: std::pin::Pin<&mut impl Future<Output = ()>>,
) {
    std::future::poll_fn(|cx| {
        if one.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { other.as_mut().poll(cx) }
    })
    .await;
}
