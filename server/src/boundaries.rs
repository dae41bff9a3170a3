//! Boundaries: where each request of an HTTP connection begins and ends, without changing a byte.

/// The path under which the control API is served.
pub(crate) const ADMIN: &str = "/__admin";

/// The part of the server that a request belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    /// The control API and the live page.
    Admin,
    /// The mock, with everything that is not HTTP as well.
    Mock,
}

/// Splits the bytes that a client sends into requests.
///
/// Bytes that are not HTTP/1, and everything after a handshake of a WebSocket client, belong to the
/// mock: it knows what the service does with them. An offer of any other protocol is declined by
/// both parts of the server, so more requests may follow. A client that expects `100 Continue` gets
/// it from the part that its request belongs to.
#[derive(Debug, Default)]
pub(crate) struct Boundaries {
    state: State,
    route: Option<Route>,
    /// The bytes of a head that is not complete.
    head: Vec<u8>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    /// A body of known length, of which this many bytes are missing.
    Body(u64),
    /// A body in chunks.
    Chunked(Chunk),
    /// No more requests follow: all bytes have the route of the last one.
    Raw,
}

#[derive(Debug)]
enum Chunk {
    /// The line with the size; the bytes of it that have been read.
    Size(Vec<u8>),
    /// The data and the line break after it, of which this many bytes are missing.
    Data(u64),
    /// The trailers; whether the current line has any bytes yet.
    Trailer { is_empty: bool },
}

/// The longest head that is looked at. A longer one belongs to the mock, which refuses it.
const MOST_HEAD_BYTES: usize = 64 * 1024;

impl Boundaries {
    /// Takes the next bytes of a client, and returns the first part of them with its route.
    ///
    /// `None` means that more bytes are needed to tell. The bytes have then been kept, and come
    /// back with the next part. A caller passes the bytes after the part again.
    pub(crate) fn split<'a>(&mut self, bytes: &'a [u8]) -> Option<(Route, Part<'a>)> {
        if bytes.is_empty() {
            return None;
        }
        match &mut self.state {
            State::Head => self.read_head(bytes),
            State::Body(missing) => {
                let count = usize::try_from(*missing).unwrap_or(usize::MAX).min(bytes.len());
                *missing -= count as u64;
                if *missing == 0 {
                    self.state = State::Head;
                }
                Some((self.route(), Part::Bytes(&bytes[..count])))
            }
            State::Chunked(chunk) => {
                let (count, is_over) = chunk.read(bytes);
                if is_over {
                    self.state = State::Head;
                }
                Some((self.route(), Part::Bytes(&bytes[..count])))
            }
            State::Raw => Some((self.route(), Part::Bytes(bytes))),
        }
    }

    /// Returns the bytes of a head that ended before it was complete.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.head)
    }

    fn route(&self) -> Route {
        self.route.unwrap_or(Route::Mock)
    }

    fn read_head<'a>(&mut self, bytes: &'a [u8]) -> Option<(Route, Part<'a>)> {
        let known = self.head.len();
        self.head.extend_from_slice(bytes);
        let mut headers = [httparse::EMPTY_HEADER; 128];
        let mut request = httparse::Request::new(&mut headers);
        let (route, state, length) = match request.parse(&self.head) {
            Ok(httparse::Status::Complete(length)) => {
                let route = route_of(request.path);
                (route, state_after(route, &request), length)
            }
            // The route of the connection so far decides on bytes that are not a request.
            Ok(httparse::Status::Partial) if self.head.len() <= MOST_HEAD_BYTES => return None,
            Ok(httparse::Status::Partial) | Err(_) => {
                let route = route_of(request.path);
                (route, State::Raw, self.head.len())
            }
        };
        self.state = state;
        self.route = Some(route);
        let mut head = std::mem::take(&mut self.head);
        head.truncate(length);
        Some((route, Part::Head { head, taken: length.saturating_sub(known) }))
    }
}

/// Some bytes of a client that have one route.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Part<'a> {
    /// The head of a request. Its last `taken` bytes are the first of those that were passed.
    Head { head: Vec<u8>, taken: usize },
    /// Other bytes, the first of those that were passed.
    Bytes(&'a [u8]),
}

impl Part<'_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Head { head, .. } => head,
            Self::Bytes(bytes) => bytes,
        }
    }

    /// How many of the bytes that were passed are part of this.
    pub(crate) fn taken(&self) -> usize {
        match self {
            Self::Head { taken, .. } => *taken,
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

fn route_of(target: Option<&str>) -> Route {
    let path = target.and_then(|target| path_of(target).strip_prefix(ADMIN));
    match path {
        Some(rest) if rest.is_empty() || rest.starts_with(['/', '?']) => Route::Admin,
        _ => Route::Mock,
    }
}

/// Returns a target from its path on. A client may send the whole URL, as to a proxy.
fn path_of(target: &str) -> &str {
    let Some((scheme, rest)) = target.split_once("://") else { return target };
    let is_url = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    match rest.find('/') {
        Some(start) if is_url => &rest[start..],
        _ => target,
    }
}

fn state_after(route: Route, request: &httparse::Request<'_, '_>) -> State {
    let value = |name: &str| {
        let header = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    if route == Route::Mock && offers_websocket(request) {
        return State::Raw;
    }
    if value("transfer-encoding")
        .is_some_and(|value| value.to_ascii_lowercase().contains("chunked"))
    {
        return State::Chunked(Chunk::Size(Vec::new()));
    }
    match value("content-length").map(str::parse) {
        None | Some(Ok(0)) => State::Head,
        Some(Ok(length)) => State::Body(length),
        Some(Err(_)) => State::Raw,
    }
}

/// Returns `true` if a request offers the WebSocket protocol, perhaps among others.
fn offers_websocket(request: &httparse::Request<'_, '_>) -> bool {
    let offers =
        request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("upgrade"));
    let mut protocols = offers.flat_map(|header| header.value.split(|byte| *byte == b','));
    protocols.any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

impl Chunk {
    /// Reads bytes of one line or of one chunk; returns how many, and whether the body is over.
    fn read(&mut self, bytes: &[u8]) -> (usize, bool) {
        let line = bytes.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
        match self {
            Self::Size(digits) => {
                let count = line.unwrap_or(bytes.len());
                // A longer line is not a size, and is not kept.
                digits.extend_from_slice(&bytes[..count.min(MOST_HEAD_BYTES)]);
                digits.truncate(MOST_HEAD_BYTES);
                if line.is_some() {
                    *self = match size_of(digits) {
                        0 => Self::Trailer { is_empty: true },
                        size => Self::Data(size.saturating_add(2)),
                    };
                }
                (count, false)
            }
            Self::Data(missing) => {
                let count = usize::try_from(*missing).unwrap_or(usize::MAX).min(bytes.len());
                *missing -= count as u64;
                if *missing == 0 {
                    *self = Self::Size(Vec::new());
                }
                (count, false)
            }
            Self::Trailer { is_empty } => {
                let count = line.unwrap_or(bytes.len());
                let is_blank = bytes[..count].iter().all(|byte| matches!(byte, b'\r' | b'\n'));
                let is_over = line.is_some() && *is_empty && is_blank;
                *is_empty = line.is_some() || (*is_empty && is_blank);
                (count, is_over)
            }
        }
    }
}

/// Returns the size of a chunk. One that is not a number is read as the largest one: the rest of
/// the connection has the same route then, and its receiver refuses it.
fn size_of(line: &[u8]) -> u64 {
    let text = std::str::from_utf8(line).unwrap_or_default();
    let digits = text.split(';').next().unwrap_or_default().trim();
    u64::from_str_radix(digits, 16).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes bytes in pieces of a size, and returns the bytes for each route in turn.
    fn split(text: &str, size: usize) -> Vec<(Route, String)> {
        let mut boundaries = Boundaries::default();
        let mut parts: Vec<(Route, String)> = Vec::new();
        for mut piece in text.as_bytes().chunks(size) {
            while let Some((route, part)) = boundaries.split(piece) {
                let text = String::from_utf8_lossy(part.bytes()).into_owned();
                match parts.last_mut() {
                    Some((last, texts)) if *last == route => texts.push_str(&text),
                    _ => parts.push((route, text)),
                }
                piece = &piece[part.taken()..];
            }
        }
        parts
    }

    const STATUS: &str = "GET /__admin/status HTTP/1.1\r\nhost: a\r\n\r\n";
    const PAGE: &str = "GET /__admin HTTP/1.1\r\n\r\n";
    const LIST: &str = "POST /ListRooms HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
    const CHUNKED: &str = "POST /ListRooms HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;a=b\r\n{\r\n1\r\n}\r\n0\r\nx: y\r\n\r\n";
    const CHAT: &str = "GET / HTTP/1.1\r\nupgrade: websocket\r\n\r\n";

    #[test]
    fn each_request_of_a_connection_has_its_route() {
        let text = [LIST, STATUS, CHUNKED, PAGE, LIST].concat();
        for size in [1, 2, 7, 64, 4096] {
            let parts = split(&text, size);
            let expected = [
                (Route::Mock, LIST.into()),
                (Route::Admin, STATUS.into()),
                (Route::Mock, CHUNKED.into()),
                (Route::Admin, PAGE.into()),
                (Route::Mock, LIST.into()),
            ];
            assert_eq!(parts, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn everything_after_an_upgrade_belongs_to_the_mock() {
        let text = [CHAT, STATUS].concat();
        assert_eq!(split(&text, 5), [(Route::Mock, text)]);
    }

    #[test]
    fn an_offer_of_another_protocol_and_an_expectation_leave_more_requests_to_follow() {
        const OFFER: &str = "POST /ListRooms HTTP/1.1\r\nupgrade: h2c\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}";
        let text = [OFFER, STATUS].concat();
        assert_eq!(split(&text, 5), [(Route::Mock, OFFER.into()), (Route::Admin, STATUS.into())]);
    }

    #[test]
    fn a_websocket_is_offered_in_any_place_and_case() {
        for headers in ["Upgrade: h2c, WebSocket", "upgrade: h2c\r\nUPGRADE: websocket"] {
            let text = format!("GET / HTTP/1.1\r\n{headers}\r\n\r\n{STATUS}");
            assert_eq!(split(&text, 5), [(Route::Mock, text)]);
        }
    }

    #[test]
    fn the_control_api_has_no_websockets() {
        let page = "GET /__admin/ HTTP/1.1\r\nupgrade: websocket\r\n\r\n";
        let text = [page, LIST].concat();
        assert_eq!(split(&text, 5), [(Route::Admin, page.into()), (Route::Mock, LIST.into())]);
    }

    #[test]
    fn bytes_that_are_not_http_belong_to_the_mock() {
        for text in ["\x16\x03\x01nonsense", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
            assert_eq!(split(text, 3), [(Route::Mock, text.into())]);
        }
    }

    #[test]
    fn a_path_that_only_begins_like_the_control_api_belongs_to_the_mock() {
        let text = "GET /__administrator HTTP/1.1\r\n\r\n";
        assert_eq!(split(text, 8), [(Route::Mock, text.into())]);
    }

    #[test]
    fn a_target_may_be_a_whole_url() {
        for (target, route) in [
            ("http://localhost:8080/__admin/status", Route::Admin),
            ("HTTPS://a/__admin", Route::Admin),
            ("http://a/ListRooms", Route::Mock),
            ("http://a", Route::Mock),
            ("ftp://a/__admin/", Route::Mock),
            ("/ListRooms?next=http://a/__admin/", Route::Mock),
        ] {
            let text = format!("GET {target} HTTP/1.1\r\n\r\n");
            assert_eq!(split(&text, 9), [(route, text.clone())], "{target}");
        }
    }

    #[test]
    fn an_incomplete_head_is_kept() {
        let mut boundaries = Boundaries::default();
        assert_eq!(boundaries.split(b"GET / HT"), None);
        assert_eq!(boundaries.rest(), b"GET / HT");
    }
}
