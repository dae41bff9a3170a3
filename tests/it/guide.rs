//! The table of faults of the guide: each line is installed here, word for word.

use std::time::Duration;

use mock_ivs_chat::hook::Corruption;
use mock_ivs_chat::{
    Action, CloseCode, ErrorCode, Exception, MockIvsChat, Operation, ReviewResponse, SendMessage,
};

#[test]
fn every_fault_of_the_table_can_be_installed() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    ivs.on_handshake().times(2).refuse(429, "slow down");
    ivs.on_handshake().disconnect_with_reason(CloseCode::NORMAL, "{}");
    ivs.on_handshake().never_respond();
    ivs.on_handshake().reset();
    ivs.on_handshake().delay(Duration::from_secs(30));
    ivs.on_handshake().from("bob").limit_bandwidth(1024);
    ivs.on_action().reject(ErrorCode::TooManyRequests, "rate limit exceeded");
    ivs.on_action().from("alice").ignore();
    ivs.on_action().respond("no JSON");
    ivs.on_action().change(Action::SendMessage(SendMessage::new("***")));
    ivs.on_action().duplicate();
    ivs.on_action().nth(2).reorder();
    ivs.on_action().delay(Duration::from_secs(5));
    ivs.on_action().delay_real_time(Duration::from_millis(20));
    let gate = ivs.on_action().hold();
    assert_eq!(gate.waiting(), 0);
    room.review_with(|_| ReviewResponse::deny("no links"));
    ivs.on_review().respond(ReviewResponse::fail());
    ivs.on_review().respond(ReviewResponse::time_out());
    ivs.on_delivery().to("bob").drop_frame();
    ivs.on_delivery().to("bob").nth(3).duplicate();
    ivs.on_delivery().to("bob").reorder();
    ivs.on_delivery().to("bob").delay(Duration::from_secs(2));
    let gate = ivs.on_delivery().to("bob").hold();
    assert_eq!(gate.waiting(), 0);
    ivs.on_delivery().replace("nonsense");
    ivs.on_delivery().corrupt(Corruption::InvalidJson);
    ivs.on_delivery().corrupt(Corruption::UnknownType);
    ivs.on_delivery().corrupt(Corruption::MissingMember("Id".into()));
    ivs.on_delivery().corrupt(Corruption::Binary);
    ivs.on_delivery().corrupt(Corruption::InvalidUtf8);
    ivs.on_delivery().corrupt(Corruption::Oversize(1 << 20));
    ivs.on_delivery().corrupt(Corruption::Fragmented(10));
    ivs.on_delivery().corrupt(Corruption::ReservedBit);
    ivs.on_delivery().corrupt(Corruption::Truncated);
    ivs.on_action().after(10).disconnect(CloseCode::GOING_AWAY);
    ivs.on_action().from("alice").reset();
    ivs.on_delivery().to("bob").stall();
    ivs.on_operation(Operation::CreateChatToken).fail(Exception::throttling("slow down"));
    ivs.on_any_operation().respond(503, "Service Unavailable");
    ivs.on_any_operation().empty_body();
    ivs.on_any_operation().truncated_body();
    ivs.on_any_operation().close_in_head();
    ivs.on_any_operation().close_in_body();
    ivs.on_any_operation().reset();
    ivs.on_any_operation().never_respond();
    ivs.advance(Duration::from_secs(3600));
    ivs.disconnect_all();
    let outage = ivs.outage();
    outage.end();
    ivs.restart();
    ivs.finish().wait().unwrap();
}
