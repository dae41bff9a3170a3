//! The real AWS SDK for Rust on a mock without a socket, and other services beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_ivschat::Client;
use aws_sdk_ivschat::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_ivschat::config::retry::RetryConfig;
use aws_sdk_ivschat::config::timeout::TimeoutConfig;
use aws_sdk_ivschat::config::{
    BehaviorVersion, Builder, ConfigBag, HttpClient, Intercept, Region, RuntimeComponents,
    SharedHttpClient,
};
use aws_sdk_ivschat::error::DisplayErrorContext;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use mock_ivs_chat::log::Matcher;
use mock_ivs_chat::{Exception, MockIvsChat, Operation};

/// Configures the SDK with nothing that points it at the mock but its HTTP client.
fn config(client: impl HttpClient + 'static) -> Builder {
    aws_sdk_ivschat::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-west-2"))
        .credentials_provider(Credentials::from_keys("AKIDEXAMPLE", "secret", None))
        .retry_config(RetryConfig::disabled())
        .http_client(client)
}

fn sdk(ivs: &MockIvsChat) -> Client {
    Client::from_conf(config(ivs.sdk_http_client()).build())
}

#[tokio::test]
async fn the_sdk_calls_a_mock_without_a_port() {
    let ivs = MockIvsChat::builder().in_memory().start();
    let sdk = sdk(&ivs);
    let room = sdk.create_room().name("lobby").tags("team", "blue").send().await.unwrap();
    let arn = room.arn().unwrap();
    assert_eq!(arn, ivs.room("lobby").arn());
    let token = sdk.create_chat_token().room_identifier(arn).user_id("alice").send().await.unwrap();
    assert!(token.token().is_some_and(|token| !token.is_empty()));
    let tags = sdk.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    assert_eq!(tags.tags().get("team").map(String::as_str), Some("blue"));
    sdk.untag_resource().resource_arn(arn).tag_keys("team").send().await.unwrap();
    sdk.delete_room().identifier(arn).send().await.unwrap();
    let gone = sdk.get_room().identifier(arn).send().await.unwrap_err().into_service_error();
    assert!(gone.is_resource_not_found_exception(), "{gone:?}");
    let entries = ivs.log().entries();
    assert!(entries[0].is_signed(), "{}", ivs.log());
    assert_eq!(entries[0].access_key_id(), Some("AKIDEXAMPLE"));
}

#[tokio::test]
async fn hooks_apply_and_the_sdk_retries() {
    let ivs = MockIvsChat::builder().in_memory().start();
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let config = config(ivs.sdk_http_client()).retry_config(retries);
    let sdk = Client::from_conf(config.build());
    let on_create = || ivs.on_operation(Operation::CreateRoom).once();
    let throttled = on_create().fail(Exception::throttling("slow down"));
    let reset = on_create().reset();
    sdk.create_room().name("lobby").send().await.unwrap();
    assert_eq!((throttled.hits(), reset.hits()), (1, 1));
    assert_eq!(ivs.log().matching(Matcher::request(Operation::CreateRoom)).entries().len(), 3);
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error() {
    let ivs = MockIvsChat::builder().in_memory().start();
    let sdk = sdk(&ivs);
    ivs.create_room("lobby");
    ivs.on_operation(Operation::ListRooms).once().close_in_body();
    sdk.list_rooms().send().await.unwrap_err();
    ivs.on_operation(Operation::ListRooms).once().close_in_head();
    sdk.list_rooms().send().await.unwrap_err();
    assert_eq!(sdk.list_rooms().send().await.unwrap().rooms().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn under_paused_time_a_timeout_takes_no_time_and_fires_only_if_it_must() {
    let ivs = MockIvsChat::builder().in_memory().start();
    let timeouts = TimeoutConfig::builder().read_timeout(Duration::from_secs(20)).build();
    let config = config(ivs.sdk_http_client()).timeout_config(timeouts);
    let sdk = Client::from_conf(config.build());
    for number in 0..100 {
        sdk.create_room().name(format!("room-{number}")).send().await.unwrap();
    }
    ivs.on_operation(Operation::ListRooms).once().delay(Duration::from_secs(19));
    sdk.list_rooms().send().await.unwrap();
    ivs.on_operation(Operation::ListRooms).once().never_respond();
    let error = sdk.list_rooms().send().await.unwrap_err();
    let text = DisplayErrorContext(&error).to_string();
    assert!(text.contains("the mock did not respond within 20s"), "{text}");
}

#[tokio::test]
async fn without_the_mock_calls_fail_as_without_a_network() {
    let ivs = MockIvsChat::builder().in_memory().start();
    let sdk = sdk(&ivs);
    let outage = ivs.outage();
    let error = sdk.list_rooms().send().await.unwrap_err();
    assert!(error.as_service_error().is_none(), "{error:?}");
    drop(outage);
    sdk.list_rooms().send().await.unwrap();
    drop(ivs);
    let error = sdk.list_rooms().send().await.unwrap_err();
    let text = DisplayErrorContext(&error).to_string();
    assert!(text.contains("the `MockIvsChat` has been dropped"), "{text}");
}

#[cfg(feature = "sigv4")]
#[tokio::test]
async fn a_signature_is_valid_in_process_as_well() {
    let credentials = mock_ivs_chat::Credentials::new("AKIDEXAMPLE", "secret");
    let ivs = MockIvsChat::builder().in_memory().require_signature(credentials).start();
    sdk(&ivs).create_room().name("lobby").send().await.unwrap();
    let other = Credentials::from_keys("AKIDEXAMPLE", "wrong", None);
    let config = config(ivs.sdk_http_client()).credentials_provider(other);
    let error = Client::from_conf(config.build()).list_rooms().send().await.unwrap_err();
    assert!(format!("{error:?}").contains("InvalidSignatureException"), "{error:?}");
}

/// Turns each request into one of another service, as another SDK would send it.
#[derive(Debug)]
struct OfAnotherService;

impl Intercept for OfAnotherService {
    fn name(&self) -> &'static str {
        "OfAnotherService"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.set_uri("https://sqs.us-west-2.amazonaws.com/")?;
        request.headers_mut().remove("authorization");
        Ok(())
    }
}

/// The HTTP client of an emulator of other services, which knows none.
#[derive(Clone, Debug, Default)]
struct Emulator(Arc<AtomicUsize>);

impl HttpConnector for Emulator {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        self.0.fetch_add(1, Ordering::SeqCst);
        let status = StatusCode::try_from(501).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, "{}".into())))
    }
}

fn client_of(emulator: &Emulator) -> SharedHttpClient {
    let emulator = emulator.clone();
    http_client_fn(move |_, _| SharedHttpConnector::new(emulator.clone()))
}

#[tokio::test]
async fn requests_to_other_services_take_the_other_client() {
    let (ivs, emulator) = (MockIvsChat::builder().in_memory().start(), Emulator::default());
    let client = || ivs.sdk_http_client().with_fallback(client_of(&emulator));
    let other = config(client()).interceptor(OfAnotherService).build();
    let error = Client::from_conf(other).list_rooms().send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 501);
    Client::from_conf(config(client()).build()).list_rooms().send().await.unwrap();
    // The service that a request is signed for decides where its host says nothing.
    let local = config(client()).endpoint_url("http://localhost:9297").build();
    Client::from_conf(local).list_rooms().send().await.unwrap();
    assert_eq!(emulator.0.load(Ordering::SeqCst), 1);
    assert_eq!(ivs.log().entries().len(), 4, "{}", ivs.log());
}

#[tokio::test]
async fn without_another_client_requests_to_other_services_go_nowhere() {
    let ivs = MockIvsChat::start();
    let other = config(ivs.sdk_http_client()).interceptor(OfAnotherService).build();
    let error = Client::from_conf(other).list_rooms().send().await.unwrap_err();
    let text = DisplayErrorContext(&error).to_string();
    assert!(text.contains("sqs.us-west-2.amazonaws.com/ is not a URL of IVS Chat"), "{text}");
    assert!(ivs.log().entries().is_empty());
}
