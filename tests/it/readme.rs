//! The README's tests, word for word: as doctests they are compiled, here they run.

mod first_test {
    use futures_util::SinkExt;
    use mock_ivs_chat::{Capability, MockIvsChat};
    use tokio_tungstenite::connect_async;
    use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message};

    #[tokio::test]
    async fn what_alice_says_reaches_bob() {
        let ivs = MockIvsChat::start();
        let room = ivs.create_room("lobby");
        let bob = room.participant("bob");
        let token = room.chat_token("alice").capability(Capability::SendMessage).create();

        let url = ivs.ws_url().parse().expect("the mock's URL is legal");
        let request = ClientRequestBuilder::new(url).with_sub_protocol(token.token);
        let (mut alice, _) = connect_async(request).await.expect("the token is good");
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
        let created = sdk.create_room().name("lobby").send().await.expect("the mock has room");
        assert_eq!(Some(ivs.room("lobby").arn()), created.arn());
    }
}

mod paused_time {
    use mock_ivs_chat::{ErrorCode, MockIvsChat};
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_after_an_hour_that_nobody_waits_for() {
        let ivs = MockIvsChat::start();
        let alice = ivs.create_room("lobby").participant("alice");
        tokio::time::advance(Duration::from_secs(3_600)).await;
        alice.expect_error(ErrorCode::Unauthorized).await;
        assert_eq!(ivs.now().to_string(), "2026-01-01T01:00:00Z");
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

#[cfg(feature = "rstest")]
mod fixtures {
    use mock_ivs_chat::MockIvsChat;
    use mock_ivs_chat::fixtures::{frozen_ivs, ivs};
    use rstest::rstest;

    #[rstest]
    #[case("hello")]
    #[case("🍵")]
    fn an_echo_comes_back(ivs: MockIvsChat, #[case] content: &str) {
        let alice = ivs.create_room("lobby").participant("alice");
        alice.send_message(content);
        alice.expect_message(content).wait();
    }

    #[rstest]
    fn a_frozen_mock_has_the_time_of_every_other(frozen_ivs: MockIvsChat) {
        assert_eq!(frozen_ivs.now().to_string(), "2026-01-01T00:00:00Z");
    }
}
