//! One `SdkConfig` for several services: the AWS SDK calls IVS Chat in this process, and an
//! emulator of AWS for everything else. A stand-in takes the place of the emulator here.

#![expect(clippy::print_stdout, reason = "what an example has to show, it prints")]

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ivschat::Client;
use aws_sdk_ivschat::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_types::SdkConfig;
use mock_ivs_chat::{Exception, MockIvsChat, Operation};

/// In a real test this is the HTTP client that the emulator offers for its embedded mode.
fn emulator() -> SharedHttpClient {
    http_client_fn(|_, _| SharedHttpConnector::new(StandIn))
}

#[derive(Debug)]
struct StandIn;

impl HttpConnector for StandIn {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let message = format!("the emulator would serve {}", request.uri());
        HttpConnectorFuture::ready(Err(ConnectorError::user(message.into())))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The mock needs no port: all calls stay in this process.
    let ivs = MockIvsChat::builder().in_memory().start();
    let credentials = Credentials::from_keys("AKIDEXAMPLE", "secret", None);
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-west-2"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(ivs.sdk_http_client().with_fallback(emulator()))
        .build();

    // The clients of other services are made from the same configuration.
    let chat = Client::new(&config);
    let room = chat.create_room().name("lobby").send().await?;
    let arn = room.arn().ok_or("a room has an ARN")?;

    // Hooks apply to these calls as to those over TCP.
    ivs.on_operation(Operation::CreateChatToken).once().fail(Exception::access_denied("not yet"));
    let create_token = chat.create_chat_token().room_identifier(arn).user_id("alice");
    let refusal = create_token
        .clone()
        .send()
        .await
        .map(drop)
        .expect_err("it is throttled")
        .into_service_error();
    println!("{refusal}");
    create_token.send().await?;

    print!("{}", ivs.log());
    Ok(())
}
