//! The tests of the README and of the guide, word for word: doctests compile them, here they run.

mod first_message {
    use futures_util::SinkExt;
    use mock_ivs_chat::{Capability, MockIvsChat};
    use tokio_tungstenite::connect_async;
    use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message};

    #[tokio::test]
    async fn a_message_of_alice_reaches_bob() {
        let ivs = MockIvsChat::start();
        let room = ivs.create_room("lobby");
        let bob = room.participant("bob");
        let token = room.chat_token("alice").capability(Capability::SendMessage).create();

        let url = ivs.ws_url().parse().expect("the mock's URL is valid");
        let request = ClientRequestBuilder::new(url).with_sub_protocol(token.token);
        let (mut alice, _) = connect_async(request).await.expect("the token is valid");
        let frame = r#"{"Action":"SEND_MESSAGE","RequestId":"r1","Content":"hello"}"#;
        alice.send(Message::text(frame)).await.expect("the connection is open");

        let message = bob.expect_message("hello").await;
        assert_eq!(message.sender.user_id, "alice");
    }
}

mod aws_sdk {
    use aws_sdk_ivschat::Client;
    use aws_sdk_ivschat::config::{BehaviorVersion, Config, Credentials, Region};
    use mock_ivs_chat::MockIvsChat;

    fn client_of(ivs: &MockIvsChat) -> Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(ivs.endpoint_url())
            .region(Region::new("us-west-2"))
            .credentials_provider(Credentials::from_keys("AKIDEXAMPLE", "secret", None))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Client::from_conf(config)
    }

    #[tokio::test]
    async fn the_backend_creates_a_room() {
        let ivs = MockIvsChat::start();
        let sdk = client_of(&ivs);
        let created = sdk.create_room().name("lobby").send().await.expect("the request is valid");
        assert_eq!(Some(ivs.room("lobby").arn()), created.arn());
    }
}

mod error {
    use mock_ivs_chat::{MockIvsChat, TestFailure};

    #[tokio::test]
    async fn a_client_connects() -> Result<(), TestFailure> {
        MockIvsChat::run(async |ivs| {
            let token = ivs.create_room("lobby").chat_token("alice").create();
            let _client = ivs.connect(&token).await?;
            Ok(())
        })
        .await
    }
}

mod time {
    use mock_ivs_chat::{Clock, ErrorCode, MockIvsChat};
    use std::time::Duration;

    #[test]
    fn a_session_ends_after_an_hour() {
        let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
        let alice = ivs.create_room("lobby").participant("alice");
        ivs.advance(Duration::from_secs(3600));
        alice.expect_error(ErrorCode::Unauthorized).wait();
        assert_eq!(ivs.now().to_string(), "2026-01-01T01:00:00Z");
    }
}

mod faults {
    use mock_ivs_chat::{ErrorCode, MockIvsChat};

    #[test]
    fn bob_misses_a_frame_and_alice_is_denied_once() {
        let ivs = MockIvsChat::start();
        let room = ivs.create_room("lobby");
        let (alice, bob) = (room.participant("alice"), room.participant("bob"));
        let denial = ivs
            .on_action()
            .from("alice")
            .containing("spam")
            .once()
            .reject(ErrorCode::NotAcceptable, "no spam, please");
        let gate = ivs.on_delivery().to("bob").hold();
        alice.send_message("spam");
        alice.send_message("hello");
        alice.expect_error(ErrorCode::NotAcceptable).wait();
        assert_eq!(denial.hits(), 1);
        gate.reached().wait();
        bob.assert_no_message("hello");
        gate.release();
        bob.expect_message("hello").wait();
    }
}

mod snapshots {
    use mock_ivs_chat::{Clock, MockIvsChat};

    #[test]
    fn bob_deletes_a_message() {
        let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
        let room = ivs.create_room("lobby");
        let (alice, bob) = (room.participant("alice"), room.participant("bob"));
        alice.send_message("hello");
        let before = ivs.log().mark();
        bob.delete_message("Message00001", "too loud");
        insta::assert_snapshot!(ivs.log().since(before), @r#"
        bob > {"Action":"DELETE_MESSAGE","RequestId":"bob-1","Id":"Message00001","Reason":"too loud"}
          alice, bob < {"Type":"EVENT","Id":"Event0000001","RequestId":"bob-1","EventName":"aws:DELETE_MESSAGE","Attributes":{"MessageID":"Message00001","MessageId":"Message00001","Reason":"too loud"},"SendTime":"2026-01-01T00:00:00Z"}
        "#);
    }
}

mod paused_time {
    use mock_ivs_chat::{ErrorCode, MockIvsChat};
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_after_an_hour_that_takes_no_time() {
        let ivs = MockIvsChat::start();
        let alice = ivs.create_room("lobby").participant("alice");
        tokio::time::advance(Duration::from_secs(3_600)).await;
        alice.expect_error(ErrorCode::Unauthorized).await;
        assert_eq!(ivs.now().to_string(), "2026-01-01T01:00:00Z");
    }
}

mod in_memory {
    use futures_util::{SinkExt, StreamExt};
    use mock_ivs_chat::{Capability, MockIvsChat};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::{Message, protocol::Role};

    #[tokio::test]
    async fn a_client_needs_no_socket() {
        let ivs = MockIvsChat::builder().in_memory().on_current_runtime().start();
        let room = ivs.create_room("lobby");
        let token = room.chat_token("alice").capability(Capability::SendMessage).create();
        let stream = ivs.connect(&token).await.expect("the token is valid");
        let mut alice = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        let frame = r#"{"Action":"SEND_MESSAGE","Content":"hello"}"#;
        alice.send(Message::text(frame)).await.expect("the connection is open");
        let echo = alice.next().await.expect("the connection is open").expect("a frame");
        assert!(echo.to_string().contains(r#""Content":"hello""#));
    }
}
