//! WebSocket frames as RFC 6455 has them: legal ones are put together, illegal ones end their
//! connection with the code that the RFC has for it.

use mock_ivs_chat::{Handle, MockIvsChat, Room};
use rstest::{fixture, rstest};
use serde_json::json;

use crate::raw::{
    BINARY, CLOSE, CONTINUATION, FINAL, HELLO, PING, PONG, RawClient, TEXT, close_payload, frame,
    unmasked,
};
use crate::support::{full_token, unlimited};

/// The largest message that the service reads.
const LARGEST: usize = 128 * 1024;

#[fixture]
fn ivs() -> MockIvsChat {
    unlimited()
}

async fn alice(ivs: &Handle) -> (Room, RawClient) {
    let room = ivs.create_room("lobby");
    let client = RawClient::connect(ivs, full_token(&room, "alice")).await;
    (room, client)
}

#[rstest]
#[case::text_in_two(&[(TEXT, 20), (FINAL | CONTINUATION, 100)])]
#[case::text_in_many(&[(TEXT, 1), (CONTINUATION, 0), (CONTINUATION, 5), (FINAL | CONTINUATION, 100)])]
#[case::ends_with_an_empty_fragment(&[(TEXT, 100), (FINAL | CONTINUATION, 0)])]
#[case::starts_with_an_empty_fragment(&[(TEXT, 0), (FINAL | CONTINUATION, 100)])]
#[case::binary_in_two(&[(BINARY, 7), (FINAL | CONTINUATION, 100)])]
#[case::binary_in_one(&[(FINAL | BINARY, 100)])]
#[tokio::test]
async fn a_message_is_put_together_from_its_fragments(
    ivs: MockIvsChat,
    #[case] fragments: &[(u8, usize)],
) {
    let (_room, mut alice) = alice(&ivs).await;
    let mut rest = HELLO.as_bytes();
    for (first_byte, length) in fragments {
        let (fragment, following) = rest.split_at(rest.len().min(*length));
        alice.write(frame(*first_byte, fragment)).await;
        rest = following;
    }
    assert_eq!(alice.next_frame().await["Content"], "hello");
}

#[rstest]
#[tokio::test]
async fn a_character_may_be_split_between_fragments(ivs: MockIvsChat) {
    let (_room, mut alice) = alice(&ivs).await;
    let message = r#"{"Action":"SEND_MESSAGE","Content":"🍵"}"#.as_bytes();
    let middle_of_the_cup = message.len() - 4;
    let (head, tail) = message.split_at(middle_of_the_cup);
    alice.write(frame(TEXT, head)).await;
    alice.write(frame(FINAL | CONTINUATION, tail)).await;
    assert_eq!(alice.next_frame().await["Content"], "🍵");
}

#[rstest]
#[tokio::test]
async fn a_frame_may_arrive_byte_by_byte(ivs: MockIvsChat) {
    let (_room, mut alice) = alice(&ivs).await;
    for byte in frame(FINAL | TEXT, HELLO.as_bytes()) {
        alice.write([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(alice.next_frame().await["Content"], "hello");
}

#[rstest]
#[tokio::test]
async fn many_frames_may_arrive_in_one_read(ivs: MockIvsChat) {
    let (_room, mut alice) = alice(&ivs).await;
    let numbered = |n| json!({ "Action": "SEND_MESSAGE", "Content": format!("{n}") }).to_string();
    let frames = (0..300).flat_map(|n| frame(FINAL | TEXT, numbered(n).as_bytes()));
    alice.write(frames.collect::<Vec<u8>>()).await;
    for n in 0..300 {
        assert_eq!(alice.next_frame().await["Content"], n.to_string());
    }
}

#[rstest]
#[case::empty(b"")]
#[case::text(b"tea?")]
#[case::bytes(b"\x00\xff\xfe")]
#[case::as_long_as_may_be(&[b'p'; 125])]
#[tokio::test]
async fn a_pong_carries_the_payload_of_its_ping(ivs: MockIvsChat, #[case] payload: &[u8]) {
    let (_room, mut alice) = alice(&ivs).await;
    alice.write(frame(FINAL | PING, payload)).await;
    assert_eq!(alice.next().await, (FINAL | PONG, payload.to_vec()));
}

#[rstest]
#[tokio::test]
async fn pings_between_fragments_get_a_pong_immediately(ivs: MockIvsChat) {
    let (_room, mut alice) = alice(&ivs).await;
    let (head, tail) = HELLO.as_bytes().split_at(10);
    alice.write(frame(TEXT, head)).await;
    alice.write(frame(FINAL | PING, b"first")).await;
    assert_eq!(alice.next().await, (FINAL | PONG, b"first".to_vec()));
    alice.write(frame(FINAL | PING, b"second")).await;
    alice.write(frame(FINAL | CONTINUATION, tail)).await;
    assert_eq!(alice.next().await, (FINAL | PONG, b"second".to_vec()));
    assert_eq!(alice.next_frame().await["Content"], "hello");
}

#[rstest]
#[tokio::test]
async fn unsolicited_pongs_are_ignored(ivs: MockIvsChat) {
    let (_room, mut alice) = alice(&ivs).await;
    alice.write(frame(FINAL | PONG, b"unasked")).await;
    alice.write(frame(FINAL | TEXT, HELLO.as_bytes())).await;
    assert_eq!(alice.next_frame().await["Content"], "hello");
}

#[rstest]
#[case::unmasked(unmasked(FINAL | TEXT, b"{}"))]
#[case::first_reserved_bit(frame(FINAL | 0x40 | TEXT, b"{}"))]
#[case::second_reserved_bit(frame(FINAL | 0x20 | TEXT, b"{}"))]
#[case::third_reserved_bit(frame(FINAL | 0x10 | PING, b""))]
#[case::reserved_data_opcode(frame(FINAL | 0x3, b"{}"))]
#[case::reserved_control_opcode(frame(FINAL | 0xB, b""))]
#[case::continuation_of_nothing(frame(FINAL | CONTINUATION, b"{}"))]
#[case::text_within_text([frame(TEXT, b"{"), frame(FINAL | TEXT, b"{}")].concat())]
#[case::long_ping(frame(FINAL | PING, &[0; 126]))]
#[case::long_close(frame(FINAL | CLOSE, &close_payload(1000, &[b'r'; 124])))]
#[case::ping_in_fragments(frame(PING, b"p"))]
#[case::close_in_fragments(frame(CLOSE, &close_payload(1000, b"")))]
#[case::close_with_half_a_code(frame(FINAL | CLOSE, b"\x03"))]
#[tokio::test]
async fn a_frame_against_the_rules_closes_with_1002(ivs: MockIvsChat, #[case] bytes: Vec<u8>) {
    fails_alone(&ivs, &bytes, 1002).await;
}

#[rstest]
#[tokio::test]
async fn a_reserved_close_code_closes_with_1002(
    ivs: MockIvsChat,
    #[values(0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000)] code: u16,
) {
    fails_alone(&ivs, &frame(FINAL | CLOSE, &close_payload(code, b"")), 1002).await;
}

#[rstest]
#[case::whole(frame(FINAL | TEXT, b"{\"Content\":\"\xff\"}"))]
#[case::surrogate(frame(FINAL | TEXT, b"\"\xed\xa0\x80\""))]
#[case::cut_off(frame(FINAL | TEXT, b"\"\xf0\x9f"))]
#[case::in_a_fragment([frame(TEXT, b"{"), frame(FINAL | CONTINUATION, b"\xff}")].concat())]
#[case::close_reason(frame(FINAL | CLOSE, &close_payload(1000, b"\xff")))]
#[tokio::test]
async fn text_that_is_not_utf_8_closes_with_1007(ivs: MockIvsChat, #[case] bytes: Vec<u8>) {
    fails_alone(&ivs, &bytes, 1007).await;
}

#[rstest]
#[case::one_frame(frame(FINAL | TEXT, &[b' '; LARGEST + 1]))]
#[case::one_binary_frame(frame(FINAL | BINARY, &[b' '; LARGEST + 1]))]
#[case::two_fragments(
    [frame(TEXT, &[b' '; LARGEST]), frame(FINAL | CONTINUATION, b" ")].concat()
)]
#[case::a_head_that_promises_more_than_memory(
    vec![FINAL | TEXT, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]
)]
#[tokio::test]
async fn a_message_of_more_than_128_kib_closes_with_1009(ivs: MockIvsChat, #[case] bytes: Vec<u8>) {
    fails_alone(&ivs, &bytes, 1009).await;
}

#[rstest]
#[case::one_frame(&[FINAL | TEXT])]
#[case::two_fragments(&[TEXT, FINAL | CONTINUATION])]
#[tokio::test]
async fn a_message_of_128_kib_is_read(ivs: MockIvsChat, #[case] fragments: &[u8]) {
    let (_room, mut alice) = alice(&ivs).await;
    let message = HELLO.to_owned() + &" ".repeat(LARGEST - HELLO.len());
    let pieces = message.as_bytes().chunks(LARGEST / fragments.len());
    for (first_byte, piece) in fragments.iter().zip(pieces) {
        alice.write(frame(*first_byte, piece)).await;
    }
    assert_eq!(alice.next_frame().await["Content"], "hello");
}

/// Sends bytes that end their connection with a code, and nothing else.
async fn fails_alone(ivs: &Handle, bytes: &[u8], code: u16) {
    let (room, mut alice) = alice(ivs).await;
    let mut bob = RawClient::connect(ivs, full_token(&room, "bob")).await;
    alice.write(bytes).await;
    let (closed, reason) = alice.next_close().await;
    assert_eq!(closed, code, "{reason}");
    assert!(!reason.is_empty());

    // Later frames are not read, and the stream ends cleanly.
    alice.write(frame(FINAL | TEXT, HELLO.as_bytes())).await;
    alice.write(frame(FINAL | CLOSE, &close_payload(code, b""))).await;
    tokio::io::AsyncWriteExt::shutdown(&mut alice.stream).await.expect("the stream is open");
    alice.end().await;
    bob.write(frame(FINAL | TEXT, HELLO.as_bytes())).await;
    let frame = bob.next_frame().await;
    assert_eq!((&frame["Id"], &frame["Sender"]["UserId"]), (&json!("Message00001"), &json!("bob")));
    let transcript = ivs.log().user("alice").to_string();
    assert!(transcript.ends_with(&format!("alice closed {code} {reason:?}\n")), "{transcript}");
}
