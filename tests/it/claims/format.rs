//! Format: what a script may look like, and what is said about one that is malformed.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use crate::script::hook::{ActionVerdict, Verdict};
use crate::script::stage::HttpRequest;
use crate::script::story::{ClientFrame, Command, Offer};
use crate::script::{Problem, Script, with_transcript};

const HEADER: &str = "\
claim: messaging/hello
kind: frame
covers: SEND_MESSAGE, MESSAGE
requires: nothing
fact: A fact that goes on
  in the next line.
provenance: documented
source: the guide
";

fn script(header: &str, story: &str) -> String {
    format!("{header}---\n{story}\n---\nalice connects to lobby\n")
}

/// Returns the command of a story of one line.
pub(super) fn command(line: &str) -> Result<Command, String> {
    let needs = ["hook", "remove hook", "release", "clock", "request", "review", "mock"];
    let requires = match needs.iter().find(|word| line.starts_with(**word)) {
        Some(&"clock") if line.contains("1h") => "clock, hour",
        Some(&"clock") => "clock",
        Some(&"request") => "wire",
        Some(&"review") => "lambda",
        Some(&"mock") => "settings",
        Some(_) => "hooks",
        None => "nothing",
    };
    let header = HEADER.replace("requires: nothing", &format!("requires: {requires}"));
    let script = Script::parse(&script(&header, line));
    let mut steps = script.map_err(|problem| problem.to_string())?.steps;
    Ok(steps.remove(0).command)
}

#[test]
fn a_script_has_a_header_a_story_and_a_transcript() {
    let text = script(HEADER, "# a comment\n\nroom lobby\nalice connects");
    let script = Script::parse(&text).unwrap();
    assert_eq!(script.header.claim, "messaging/hello");
    assert_eq!(
        script.header.to_string(),
        "messaging/hello | frame | SEND_MESSAGE, MESSAGE | nothing | A fact that goes on in the \
         next line. | documented | the guide"
    );
    let lines: Vec<usize> = script.steps.iter().map(|step| step.line).collect();
    assert_eq!(lines, [12, 13]);
    assert_eq!(script.transcript, "alice connects to lobby\n");
    let updated = with_transcript(&text, "nothing\n");
    assert_eq!(Script::parse(&updated).unwrap().transcript, "nothing\n");
    assert_eq!(with_transcript(&updated, "alice connects to lobby\n"), text);
}

#[rstest]
#[case::without_parts("claim: a/b\n", 1, "found 0 of these 2 lines")]
#[case::without_a_transcript("claim: a/b\n---\nroom lobby\n", 3, "found 1 of these 2 lines")]
#[case::empty_header("---\nroom lobby\n---\n", 1, "the header ends without `claim: …`")]
#[case::order("kind: frame\n---\nroom lobby\n---\n", 1, "expected `claim: …`, found `kind: …`")]
#[case::no_field("hello\n---\nroom lobby\n---\n", 1, "expected `key: value`, found `hello`")]
#[case::no_value("claim:\n---\nroom lobby\n---\n", 1, "expected `key: value`, found `claim:`")]
#[case::indented("  claim: a\n---\nroom lobby\n---\n", 1, "continues a field before it")]
fn a_file_that_is_not_a_script(#[case] text: &str, #[case] line: usize, #[case] message: &str) {
    let problem = Script::parse(text).unwrap_err();
    assert_eq!(problem.line, line);
    assert!(problem.message.contains(message), "{problem}");
}

#[rstest]
#[case("kind: frame", "kind: farce", 2, "`kind` must be one of close, error response, frame")]
#[case("MESSAGE\n", "MESSAGES\n", 3, "found `MESSAGES`")]
#[case(
    "nothing",
    "time",
    4,
    "`requires` must be one of clock, hooks, hour, lambda, settings, wire"
)]
#[case("nothing", "clock, hooks", 4, "the story needs `requires: nothing`")]
#[case("documented", "certain", 7, "`provenance` must be one of recorded, observed")]
#[case("documented", "designed", 7, "belongs to `kind: mock`")]
#[case("source: the guide\n", "", 1, "the header ends without `source: …`")]
#[case("provenance: documented\n", "", 7, "expected `provenance: …`, found `source: …`")]
fn a_header_with_a_mistake(
    #[case] right: &str,
    #[case] wrong: &str,
    #[case] line: usize,
    #[case] message: &str,
) {
    let header = HEADER.replacen(right, wrong, 1);
    let problem = Script::parse(&script(&header, "room lobby")).unwrap_err();
    assert_eq!(problem.line, line, "{problem}");
    assert!(problem.message.contains(message), "{problem}");
}

#[rstest]
#[case("", "the story is empty")]
#[case("alice", "as a client, expected `connects`, `sends`")]
#[case("alice dances", "`alice` is not a command; as a client, expected `connects`")]
#[case("alice connects now", "expected the end of the line, found `now`")]
#[case("alice connects with the tokens of", "expected a client, found the end of the line")]
#[case("alice connects at chat", "expected a path in quotes, found `chat`")]
#[case("alice sends hello", "expected a content in quotes, a frame as a JSON object")]
#[case("alice sends \"hello", "a content is not valid JSON: EOF")]
#[case("alice sends {\"Action\":}", "frame is not valid JSON")]
#[case("alice sends \"x\" times many", "expected a count, found `many`")]
#[case("alice sends \"x\" with color", "expected `key=value`, found `color`")]
#[case("alice sends \"x\" with size=5", "`size` must be a text in quotes, not 5")]
#[case("alice sends \"x\" with a=\"1\", a=\"2\"", "`a` is given twice")]
#[case("alice sends binary fg", "`fg` is not a byte of two hex digits")]
#[case("alice deletes", "expected the id of a message, found the end of the line")]
#[case("room", "expected the name of a room, found the end of the line")]
#[case("room lobby reviewed by", "expected the name of a review function")]
#[case("user alice", "expected `in`, found the end of the line")]
#[case("user alice in lobby can fly", "expected `everything` or SEND_MESSAGE")]
#[case("user alice in lobby for five minutes", "expected a number of minutes, found `five`")]
#[case("call Dance {}", "expected an operation (CreateChatToken")]
#[case("call GetRoom lobby", "expected `key=value`, found `lobby`")]
#[case("call GetRoom identifier=lobby", "expected a JSON value, found `lobby`")]
#[case("call GetRoom identifier=$lobby as", "expected the name of the response, found the end")]
#[case("repeat 2: call ListRooms as page", "a repeated call cannot have a name")]
#[case("request \"/GetRoom\"", "expected a method such as `POST`")]
#[case("request POST /GetRoom", "expected a path in quotes, found `/GetRoom`")]
#[case("clock soon", "expected a duration such as `90s` or `1h`, found `soon`")]
#[case("clock 5", "expected a duration such as `90s` or `1h`, found `5`")]
#[case("repeat 2: clock 1s", "only `call` and what a client sends can be repeated")]
#[case("hook on dance: reset", "not on `dance`")]
#[case("hook on action to bob: ignore", "expected a condition of a hook on action, or `:`")]
#[case("hook on action: drop", "expected `delay`, `hold`, `reject`, `ignore`")]
#[case("hook on handshake: stall", "expected `delay`, `hold`, `refuse`")]
#[case("hook on delivery: corrupt", "expected `invalid-json`")]
#[case("hook on operation: ignore", "expected `delay`, `hold`, `fail`")]
#[case("hook on review: maybe", "expected `allow`, `deny`, `fail`, `time out`")]
#[case("review censor deny", "expected `:`, found `deny`")]
#[case("mock quota \"smiles\" 5", "there is no quota `smiles`")]
#[case("mock quota \"calls of Dance\" 5", "and `calls of …` with the name of an operation")]
#[case("mock rains", "expected `quotas off`, `quota`")]
fn a_command_with_a_mistake(#[case] line: &str, #[case] message: &str) {
    let error = command(line).unwrap_err();
    assert!(error.contains(message), "{error}");
}

#[test]
fn a_handshake_has_tokens_a_path_and_headers() {
    let line = r#"alice connects with the tokens of alice, bob at "/chat" sending origin="a""#;
    let Ok(Command::Connect { client, offer, path, headers }) = command(line) else { panic!() };
    assert_eq!((client.as_str(), path.as_str()), ("alice", "/chat"));
    assert_eq!(offer, Offer::Of(vec!["alice".into(), "bob".into()]));
    assert_eq!(headers["origin"], "a");
}

#[test]
fn a_call_has_members_attributes_and_a_name() {
    let call = |operation: &str, request: serde_json::Value, name: Option<&str>| {
        let request = request.as_object().unwrap().clone();
        Ok(Command::Call { operation: operation.into(), request, name: name.map(str::to_owned) })
    };
    let line = r#"call TagResource resourceArn=$lobby, tags={"team":"a"} as tagged"#;
    let request = json!({ "resourceArn": "$lobby", "tags": { "team": "a" } });
    assert_eq!(command(line), call("TagResource", request, Some("tagged")));
    let line = r#"call SendEvent {"eventName":"app:poll"} with question="tea?""#;
    let request = json!({ "eventName": "app:poll", "attributes": { "question": "tea?" } });
    assert_eq!(command(line), call("SendEvent", request, None));
    assert_eq!(command("call ListRooms"), call("ListRooms", json!({}), None));
    assert_eq!(command("call ListRooms as page"), call("ListRooms", json!({}), Some("page")));
    let line = "call ListRooms\n  maxResults=1,\n  nextToken=$page.nextToken";
    let request = json!({ "maxResults": 1, "nextToken": "$page.nextToken" });
    assert_eq!(command(line), call("ListRooms", request, None));
}

#[test]
fn a_mistake_is_reported_with_its_line() {
    let text = script(HEADER, "room lobby\n\nroom");
    let message = "expected the name of a room, found the end of the line";
    assert_eq!(Script::parse(&text).unwrap_err(), Problem::new(12, message));
    let text = script(HEADER, "room lobby\nmock quotas off");
    let message = "`mock` must come before all other commands";
    assert_eq!(Script::parse(&text).unwrap_err(), Problem::new(11, message));
}

#[test]
fn texts_have_the_escapes_of_json_and_can_be_repeated() {
    let sends = |content: &str| Command::Send {
        client: "a lice".into(),
        frame: ClientFrame::Message { content: content.into(), attributes: None },
    };
    assert_eq!(command(r#""a lice" sends "\"\u00e9\"""#), Ok(sends("\"é\"")));
    assert_eq!(command(r#""a lice" sends "ab" times 3"#), Ok(sends("ababab")));
    assert_eq!(command(r#""a lice" sends "a" + "b" times 2 + "c""#), Ok(sends("abbc")));
}

#[test]
fn a_frame_is_sent_unchanged() {
    let line = r#"alice sends { "Action" : "SEND_MESSAGE",  "Content":"a" }  "#;
    let text = r#"{ "Action" : "SEND_MESSAGE",  "Content":"a" }"#;
    let frame = ClientFrame::Text(text.into());
    assert_eq!(command(line), Ok(Command::Send { client: "alice".into(), frame }));
}

#[test]
fn durations_are_sums() {
    let clock = |duration| Ok(Command::Clock(duration));
    assert_eq!(command("clock 1h 2m 3s"), clock(Duration::from_secs(3723)));
    assert_eq!(command("clock 5ms 6ns"), clock(Duration::from_nanos(5_000_006)));
}

#[test]
fn a_hook_has_a_name_conditions_and_a_verdict() {
    let line = "hook \"no\" on action SEND_MESSAGE from alice in lobby 2 times: reject 406 \"no\"";
    let Ok(Command::Hook(hook)) = command(line) else { panic!("it is a hook") };
    assert_eq!((hook.name.as_deref(), hook.gate()), (Some("no"), None));
    assert_eq!(hook.filter.kind.as_deref(), Some("SEND_MESSAGE"));
    assert_eq!(hook.filter.from.as_deref(), Some("alice"));
    assert_eq!(hook.frequency.times, Some(2));
    let verdict = ActionVerdict::Reject { code: 406, message: "no".into() };
    assert_eq!(hook.verdict, Verdict::Action(verdict));
    let Ok(Command::Hook(hook)) = command("hook on review: hold door") else { panic!() };
    assert_eq!(hook.gate(), Some("door"));
}

#[rstest]
#[case("GetRoom", json!({ "identifier": "x" }), "POST", "/GetRoom", r#"{"identifier":"x"}"#)]
#[case("ListTagsForResource", json!({ "resourceArn": "a:b/c" }), "GET", "/tags/a%3Ab%2Fc", "")]
#[case(
    "TagResource",
    json!({ "resourceArn": "a", "tags": { "k": "v" } }),
    "POST",
    "/tags/a",
    r#"{"tags":{"k":"v"}}"#
)]
#[case(
    "UntagResource",
    json!({ "resourceArn": "a", "tagKeys": ["k", "l m"] }),
    "DELETE",
    "/tags/a?tagKeys=k&tagKeys=l%20m",
    ""
)]
fn operations_go_over_http_as_the_model_says(
    #[case] operation: &str,
    #[case] request: serde_json::Value,
    #[case] method: &str,
    #[case] target: &str,
    #[case] body: &str,
) {
    let members = request.as_object().unwrap().clone();
    let http = HttpRequest::new(operation, members);
    assert_eq!((http.method, http.target.as_str(), http.body.as_str()), (method, target, body));
}
