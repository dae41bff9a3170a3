//! The servers to compare with: each does the least that its kind can do, on a thread of its own.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::thread::JoinHandle;

use bytes::Bytes;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role};
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, oneshot};
use tokio::task::LocalSet;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// A server that runs until it is dropped.
pub struct Server {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves each connection by `serve`, on a runtime of one thread.
    pub fn start<F: Future<Output = ()> + 'static>(
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a fresh socket takes options");
        let addr = listener.local_addr().expect("a bound listener has an address");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime is available");
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let tasks = LocalSet::new();
            tasks.spawn_local(async move {
                let listener = TcpListener::from_std(listener).expect("a listener in a runtime");
                while let Ok((stream, _)) = listener.accept().await {
                    stream.set_nodelay(true).expect("a fresh socket takes options");
                    tokio::task::spawn_local(serve(stream));
                }
            });
            let _ = tasks.block_on(&runtime, stopped);
        });
        Self { addr, stop: Some(stop), thread: Some(thread) }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Nothing but a port, a thread and a runtime: the floor for a start.
pub fn bare() -> Server {
    Server::start(|stream| async move { drop(stream) })
}

/// Echoes by tokio-tungstenite.
pub fn tungstenite_echo() -> Server {
    Server::start(|stream| async move {
        let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() || socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

/// Echoes by fastwebsockets.
pub fn fastwebsockets_echo() -> Server {
    Server::start(|mut stream| async move {
        if answer_handshake(&mut stream).await.is_err() {
            return;
        }
        let socket = fastwebsockets::WebSocket::after_handshake(stream, Role::Server);
        let mut socket = FragmentCollector::new(socket);
        while let Ok(frame) = socket.read_frame().await {
            if frame.opcode != OpCode::Text {
                return;
            }
            let echo = Frame::text(Payload::Owned(frame.payload.to_vec()));
            if socket.write_frame(echo).await.is_err() {
                return;
            }
        }
    })
}

/// Sends a prepared text to all connections for each message, by tokio-tungstenite and a
/// broadcast channel.
pub fn tungstenite_broadcast(text: &str) -> Server {
    let text = Utf8Bytes::from(text);
    let (sender, _) = broadcast::channel::<Utf8Bytes>(1_024);
    Server::start(move |stream| {
        let (text, sender) = (text.clone(), sender.clone());
        async move {
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
            let mut receiver = sender.subscribe();
            loop {
                tokio::select! {
                    message = socket.next() => match message {
                        Some(Ok(Message::Text(_))) => {
                            let _ = sender.send(text.clone());
                        }
                        _ => return,
                    },
                    text = receiver.recv() => {
                        let Ok(text) = text else { return };
                        if socket.send(Message::Text(text)).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
    })
}

/// Writes prepared bytes to all connections for each frame of `publish_bytes` bytes, one write a
/// delivery: it knows nothing of WebSockets but the handshake.
pub fn raw_broadcast(prepared: Vec<u8>, publish_bytes: usize) -> Server {
    let prepared: Bytes = prepared.into();
    Server::start(move |mut stream| {
        let prepared = prepared.clone();
        async move {
            if answer_handshake(&mut stream).await.is_err() {
                return;
            }
            let stream = Rc::new(stream);
            MEMBERS.with_borrow_mut(|members| members.push(Rc::clone(&stream)));
            let mut unread = 0;
            while let Ok(count) = read_some(&stream).await {
                unread += count;
                while unread >= publish_bytes {
                    unread -= publish_bytes;
                    let members = MEMBERS.with_borrow(Vec::clone);
                    for member in members {
                        if write_all(&member, &prepared).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
    })
}

thread_local! {
    /// The connections of the raw server of a thread.
    static MEMBERS: RefCell<Vec<Rc<TcpStream>>> = const { RefCell::new(Vec::new()) };
}

async fn read_some(stream: &TcpStream) -> io::Result<usize> {
    let mut buffer = [0; 4_096];
    loop {
        match stream.try_read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.readable().await?,
            result => return result,
        }
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads the head of a request and says that the protocol is switched; clients here believe it.
async fn answer_handshake(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").await
}

/// Answers each request with a prepared body, once it has read the request's.
pub fn hyper_answer(body: &str) -> Server {
    let body = Bytes::from(body.to_owned());
    Server::start(move |stream| {
        let body = body.clone();
        async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let body = body.clone();
                async move {
                    let _ = request.into_body().collect().await;
                    let response = Response::builder().header("Content-Type", "application/json");
                    let response = response.body(Full::new(body));
                    Ok::<_, Infallible>(response.expect("the head is legal"))
                }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
        }
    })
}
