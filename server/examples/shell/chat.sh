#!/usr/bin/env bash
# A chat, a fault and an hour that passes, with curl alone: a test of a program that is not shown
# here would do the same around it.
set -euo pipefail

fail() {
  printf 'chat.sh: %s\n' "$*" >&2
  exit 1
}

output=$(mktemp)
"${MOCK_IVS_CHAT:-mock-ivs-chat}" --room lobby --frozen-at 2026-01-01T00:00:00Z >"$output" &
mock=$!
trap 'kill "$mock" 2>/dev/null; wait "$mock" 2>/dev/null || true; rm -f "$output"' EXIT
until grep -q '^ready' "$output"; do
  kill -0 "$mock" 2>/dev/null || fail "the mock ended before it was ready"
  sleep 0.05
done
url=$(sed -n 's/^http_url=//p' "$output")

# Calls the control API: a method, a path and perhaps JSON. A refusal ends the script with the
# explanation that the API gives.
control() {
  curl --silent --show-error --fail-with-body --max-time 30 --request "$1" "$url/__admin/$2" \
    ${3:+--header 'content-type: application/json' --data "$3"}
}

# The log has this text.
expect_log() {
  control GET 'log?format=text' | grep --quiet --fixed-strings -- "$1" || {
    control GET 'log?format=text' >&2
    fail "the log above lacks: $1"
  }
}

# The operations of the service are on the same port, as a backend calls them.
arn=$(curl --silent --fail-with-body "$url/ListRooms" --data '{}' | sed -E 's/.*"arn":"([^"]+)".*/\1/')
[[ $arn == arn:aws:ivschat:* ]] || fail "ListRooms returned no ARN but $arn"

control POST participants '{"room":"lobby","userId":"alice","capabilities":["SEND_MESSAGE"]}' >/dev/null
bob=$(control POST participants '{"room":"lobby","userId":"bob"}' | sed -E 's/.*"id":"?([^",}]+).*/\1/')

# A fault: the next message with this word is denied.
control POST hooks '{"on":"action","from":"alice","containing":"spam","expect":1,
  "then":{"reject":{"errorCode":406,"errorMessage":"no spam, please"}}}' >/dev/null
control POST rooms/lobby/messages '{"userId":"alice","content":"spam"}' >/dev/null
expect_log '"ErrorCode":406'

# Bob waits for the next message, at most ten seconds.
control POST rooms/lobby/messages '{"userId":"alice","content":"hello"}' >/dev/null
control GET "participants/$bob/frames?type=MESSAGE&waitMs=10000" | grep --quiet '"hello"' ||
  fail "bob did not receive the message"

# An hour passes, and all sessions end.
control POST clock/advance '{"byMs":3600000}' >/dev/null
expect_log 'clock + 1h'

# Each hook has fired as often as it was expected to.
control GET verify >/dev/null || fail "an expectation is not met"
echo "chat.sh: passed"
