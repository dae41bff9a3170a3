"""A backend with boto3 and a client with websockets, tested against mock-ivs-chat."""

import json

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


# The first two calls of CreateChatToken are throttled, and `verify` checks that both happen.
THROTTLE = {
    "on": "operation",
    "operation": "CreateChatToken",
    "times": 2,
    "expect": 2,
    "then": {"fail": {"exception": "ThrottlingException", "message": "slow down"}},
}

# The next message of alice with this word is denied.
DENY = {
    "on": "action",
    "from": "alice",
    "containing": "spam",
    "expect": 1,
    "then": {"reject": {"errorCode": 406, "errorMessage": "no spam, please"}},
}


def join(mock, ivschat, room, user):
    """Connects a user in the same way as a chat client does: the token is the subprotocol."""
    token = ivschat.create_chat_token(
        roomIdentifier=room, userId=user, capabilities=["SEND_MESSAGE"]
    )["token"]
    return connect(mock.urls["ws"], subprotocols=[token], proxy=None)


def test_a_throttled_backend_tries_again(mock, ivschat):
    room = ivschat.create_room(name="lobby")["arn"]
    mock.control("POST", "hooks", THROTTLE)
    token = ivschat.create_chat_token(roomIdentifier=room, userId="alice")["token"]
    assert token
    log = mock.control("GET", "log?format=text")
    assert log.count("> POST /CreateChatToken") == 3
    assert log.count("429 ThrottlingException") == 2
    mock.control("GET", "verify")


def test_a_denied_message_is_an_error_and_is_not_delivered(mock, ivschat):
    room = ivschat.create_room(name="lobby")["arn"]
    mock.control("POST", "hooks", DENY)
    with join(mock, ivschat, room, "alice") as alice, join(mock, ivschat, room, "bob") as bob:
        alice.send(json.dumps({"Action": "SEND_MESSAGE", "RequestId": "1", "Content": "spam"}))
        error = json.loads(alice.recv(timeout=10))
        assert (error["Type"], error["ErrorCode"]) == ("ERROR", 406)
        alice.send(json.dumps({"Action": "SEND_MESSAGE", "RequestId": "2", "Content": "hello"}))
        assert json.loads(bob.recv(timeout=10))["Content"] == "hello"
    assert "no spam, please" in mock.control("GET", "log?format=text&userId=alice")
    mock.control("GET", "verify")


def test_a_session_ends_after_an_hour(mock, ivschat):
    room = ivschat.create_room(name="lobby")["arn"]
    with join(mock, ivschat, room, "alice") as alice:
        mock.control("POST", "clock/advance", {"byMs": 60 * 60 * 1000})
        with pytest.raises(ConnectionClosed):
            while True:
                alice.recv(timeout=10)
    assert "clock + 1h" in mock.control("GET", "log?format=text")
