//! The shell: it carries bytes to the driver and from it, and decides nothing.

pub(crate) mod http;
pub(crate) mod hyper_errors;
pub(crate) mod listener;
pub(crate) mod request;
pub(crate) mod thread;
#[cfg(feature = "tls")]
pub(crate) mod tls;
pub(crate) mod websocket;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::driver::Driver;
use crate::net::listener::{Door, Lock};
use crate::transport::stream::Link;

/// What listens, and every stream that was accepted; whoever holds it can end them all at once.
#[derive(Debug)]
pub(crate) struct Sockets {
    endpoints: Endpoints,
    inner: Mutex<Inner>,
}

/// Where the mock can be reached, also after its end.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    pub(crate) plain: Option<SocketAddr>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<tls::Endpoint>,
}

#[derive(Debug)]
struct Inner {
    doors: Vec<Door>,
    links: BTreeMap<u64, Weak<Link>>,
    links_made: u64,
    accepting: Vec<AbortHandle>,
    keeping_time: Option<AbortHandle>,
    /// Where the mock's tasks run; nowhere any more after its end.
    runtime: Option<runtime::Handle>,
    is_shut: bool,
    outages: u32,
}

/// Streams that are not served any more and are about to be cut.
#[derive(Debug)]
#[must_use = "they are open until they are cut"]
pub(crate) struct Evicted(BTreeMap<u64, Weak<Link>>);

impl Evicted {
    /// Cuts them all, whatever their tasks are doing.
    pub(crate) fn cut(self) {
        for link in self.0.into_values().filter_map(|link| link.upgrade()) {
            link.cut();
        }
    }
}

impl Sockets {
    pub(crate) const fn new(
        endpoints: Endpoints,
        doors: Vec<Door>,
        runtime: runtime::Handle,
    ) -> Self {
        let inner = Inner {
            doors,
            links: BTreeMap::new(),
            links_made: 0,
            accepting: Vec::new(),
            keeping_time: None,
            runtime: Some(runtime),
            is_shut: true,
            outages: 0,
        };
        Self { endpoints, inner: Mutex::new(inner) }
    }

    pub(crate) const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Lets the mock's tasks run.
    pub(crate) fn start(self: &Arc<Self>, driver: &Arc<Driver>) -> io::Result<()> {
        {
            let mut inner = self.inner.lock();
            let keeping_time = inner.runtime.as_ref().map(|r| r.spawn(keep_time(driver.clone())));
            inner.keeping_time = keeping_time.map(|task| task.abort_handle());
        }
        self.open(driver)
    }

    /// Listens, unless it does already or the mock has ended.
    pub(crate) fn open(self: &Arc<Self>, driver: &Arc<Driver>) -> io::Result<()> {
        let mut inner = self.inner.lock();
        let Inner { doors, accepting, runtime: Some(runtime), is_shut: is_shut @ true, .. } =
            &mut *inner
        else {
            return Ok(());
        };
        let _entered = runtime.enter();
        for (index, door) in doors.iter_mut().enumerate() {
            door.open()?;
            let task = accept_all(Arc::clone(self), index, door.lock(), Arc::clone(driver));
            accepting.push(runtime.spawn(task).abort_handle());
        }
        *is_shut = false;
        Ok(())
    }

    /// Takes note of an outage; there can be several at once.
    pub(crate) fn begin_outage(&self) {
        self.inner.lock().outages += 1;
    }

    /// Takes note of the end of an outage; says whether it was the last.
    pub(crate) fn end_outage(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.outages -= 1;
        inner.outages == 0
    }

    pub(crate) fn is_in_outage(&self) -> bool {
        self.inner.lock().outages > 0
    }

    /// Refuses whoever comes from now on, and gives those away who are there.
    pub(crate) fn shut(&self) -> io::Result<Evicted> {
        let mut inner = self.inner.lock();
        inner.is_shut = true;
        for task in inner.accepting.drain(..) {
            task.abort();
        }
        for door in &mut inner.doors {
            door.shut()?;
        }
        Ok(Evicted(std::mem::take(&mut inner.links)))
    }

    /// Gives the ports back for good, and those away who are there. What this drops are sockets
    /// and handles only: it waits for nothing.
    pub(crate) fn close(&self) -> Evicted {
        let mut inner = self.inner.lock();
        inner.is_shut = true;
        inner.doors.clear();
        for task in inner.accepting.drain(..) {
            task.abort();
        }
        if let Some(task) = inner.keeping_time.take() {
            task.abort();
        }
        let runtime = inner.runtime.take();
        let links = std::mem::take(&mut inner.links);
        drop(inner);
        drop(runtime);
        Evicted(links)
    }

    /// Whether the mock has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.inner.lock().runtime.is_none()
    }

    /// Serves a stream that the test brought, on the runtime that the caller is in, if any is let
    /// in.
    pub(crate) fn admit(self: &Arc<Self>, link: Arc<Link>, driver: &Arc<Driver>) {
        if !self.register(&link) {
            return;
        }
        let serving = http::serve(link, Arc::clone(driver));
        let current = runtime::Handle::try_current().ok();
        if let Some(runtime) = current.or_else(|| self.inner.lock().runtime.clone()) {
            runtime.spawn(serving);
        }
    }

    /// Lists a stream among those that end with the mock.
    fn register(self: &Arc<Self>, link: &Arc<Link>) -> bool {
        let mut inner = self.inner.lock();
        if inner.is_shut {
            return false;
        }
        inner.links_made += 1;
        let number = inner.links_made;
        inner.links.insert(number, Arc::downgrade(link));
        link.set_registration(Registration { sockets: Arc::clone(self), number });
        true
    }

    /// The next stream that a client opens; an error once the door is shut.
    async fn accept(&self, door: usize) -> io::Result<Arc<Link>> {
        std::future::poll_fn(|cx| {
            let inner = self.inner.lock();
            match inner.doors.get(door) {
                Some(door) => door.poll_accept(cx),
                None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            }
        })
        .await
    }
}

/// The place of a stream among those that end with the mock; it goes with the stream.
#[derive(Debug)]
pub(crate) struct Registration {
    sockets: Arc<Sockets>,
    number: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.sockets.inner.lock().links.remove(&self.number);
    }
}

async fn accept_all(sockets: Arc<Sockets>, door: usize, lock: Lock, driver: Arc<Driver>) {
    loop {
        match sockets.accept(door).await {
            Ok(link) if sockets.register(&link) => {
                let (lock, driver) = (lock.clone(), Arc::clone(&driver));
                tokio::spawn(async move {
                    if let Some(link) = lock.pass(link).await {
                        http::serve(link, driver).await;
                    }
                });
            }
            Ok(link) => link.cut(),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return,
            // A client that was gone before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // No descriptor is left: one may be, once other connections have ended.
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// How long nobody is accepted when the system has nothing left to accept with.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

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
