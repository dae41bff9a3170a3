//! Parser: the story of a script, one command per line.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Problem;
use super::cursor::Cursor;
use super::hook::{Hook, frame_text};
use super::review::ReviewRule;
use super::settings::Setting;
use super::story::{ACTIONS, ClientFrame, Command, OPERATIONS, Offer, Step, Token};

/// Reads the lines of a story.
pub(crate) fn parse(lines: &[(usize, &str)]) -> Result<Vec<Step>, Problem> {
    let mut steps: Vec<Step> = Vec::new();
    for (line, text) in commands(lines)? {
        let command = read_line(&text).map_err(|message| Problem::new(line, message))?;
        let is_setting = |command: &Command| matches!(command, Command::Setting(_));
        if is_setting(&command) && steps.iter().any(|step| !is_setting(&step.command)) {
            return Err(Problem::new(line, "`mock` must come before all other commands"));
        }
        steps.push(Step { line, command });
    }
    if steps.is_empty() { Err(Problem::new(1, "the story is empty")) } else { Ok(steps) }
}

/// Returns the commands with the numbers of their first lines; an indented line continues the one
/// before it.
fn commands(lines: &[(usize, &str)]) -> Result<Vec<(usize, String)>, Problem> {
    let mut commands: Vec<(usize, String)> = Vec::new();
    for &(line, text) in lines {
        if !text.starts_with(' ') {
            commands.push((line, text.to_owned()));
        } else if let Some((_, command)) = commands.last_mut() {
            *command = format!("{command} {}", text.trim());
        } else {
            return Err(Problem::new(line, "an indented line continues a command before it"));
        }
    }
    Ok(commands)
}

fn read_line(text: &str) -> Result<Command, String> {
    let mut cursor = Cursor::new(text);
    let command = command(&mut cursor)?;
    cursor.end()?;
    Ok(command)
}

fn command(cursor: &mut Cursor<'_>) -> Result<Command, String> {
    if cursor.take("mock") {
        Setting::parse(cursor).map(Command::Setting)
    } else if cursor.take("room") {
        room(cursor)
    } else if cursor.take("user") {
        token(cursor).map(Command::Token)
    } else if cursor.take("participant") {
        token(cursor).map(Command::Participant)
    } else if cursor.take("call") {
        call(cursor)
    } else if cursor.take("request") {
        request(cursor)
    } else if cursor.take("hook") {
        Hook::parse(cursor).map(Box::new).map(Command::Hook)
    } else if cursor.take("remove hook") {
        cursor.text("the name of a hook").map(Command::RemoveHook)
    } else if cursor.take("release") {
        let releases_all = !cursor.take("one at");
        Ok(Command::Release { gate: cursor.name("a gate")?, releases_all })
    } else if cursor.take("review") {
        let function = cursor.name("the name of a review function")?;
        Ok(Command::Review { function, rule: ReviewRule::parse(cursor)? })
    } else if cursor.take("clock") {
        cursor.duration().map(Command::Clock)
    } else if cursor.take("repeat") {
        repeat(cursor)
    } else {
        client_command(cursor)
    }
}

/// `room lobby maximumMessageLength=5 reviewed by censor falling back to DENY`
fn room(cursor: &mut Cursor<'_>) -> Result<Command, String> {
    let name = cursor.name("the name of a room")?;
    let mut members = if cursor.rest().is_empty() || cursor.rest().starts_with("reviewed ") {
        Map::new()
    } else {
        cursor.members()?
    };
    if cursor.take("reviewed by") {
        let uri = function_arn(&cursor.name("the name of a review function")?);
        let mut handler = json!({ "uri": uri });
        if cursor.take("falling back to") {
            handler["fallbackResult"] = json!(cursor.word("`ALLOW` or `DENY`")?);
        }
        members.insert("messageReviewHandler".into(), handler);
    }
    Ok(Command::Room { name, members })
}

/// Returns the ARN of the Lambda function of this name.
pub(crate) fn function_arn(function: &str) -> String {
    format!("arn:aws:lambda:us-west-2:123456789012:function:{function}")
}

/// `alice in lobby can SEND_MESSAGE, DELETE_MESSAGE for 5 minutes with color="red"`
fn token(cursor: &mut Cursor<'_>) -> Result<Token, String> {
    let client = cursor.name("a user id")?;
    cursor.expect("in")?;
    let room = cursor.name("a room")?;
    let mut capabilities = Vec::new();
    if cursor.take("can") {
        if cursor.take("everything") {
            capabilities.extend(ACTIONS.map(str::to_owned));
        } else {
            loop {
                let Some(action) = ACTIONS.iter().find(|action| cursor.take(action)) else {
                    return Err(cursor.expected(&format!("`everything` or {}", ACTIONS.join(", "))));
                };
                capabilities.push((*action).to_owned());
                if !cursor.take(",") {
                    break;
                }
            }
        }
    }
    let mut minutes = None;
    if cursor.take("for") {
        minutes = Some(cursor.number("a number of minutes")?);
        cursor.expect("minutes")?;
    }
    let attributes = if cursor.take("with") { Some(cursor.attributes()?) } else { None };
    Ok(Token { client, room, capabilities, minutes, attributes })
}

/// `SendEvent roomIdentifier=$lobby, eventName="app:poll" with question="tea?" as poll`
fn call(cursor: &mut Cursor<'_>) -> Result<Command, String> {
    let Some(operation) = OPERATIONS.iter().find(|operation| cursor.take(operation)) else {
        return Err(cursor.expected(&format!("an operation ({})", OPERATIONS.join(", "))));
    };
    let mut ahead = cursor.clone();
    let has_members = !cursor.rest().is_empty() && !ahead.take("with") && !ahead.take("as");
    let mut request = match (has_members, cursor.is_at_object()) {
        (false, _) => Map::new(),
        (true, true) => cursor.object("the request")?,
        (true, false) => cursor.members()?,
    };
    if cursor.take("with") {
        request.insert("attributes".into(), json!(cursor.attributes()?));
    }
    let name =
        if cursor.take("as") { Some(cursor.name("the name of the response")?) } else { None };
    Ok(Command::Call { operation: (*operation).to_owned(), request, name })
}

/// `unsigned POST "/CreateRoom" with content-type="text/plain" body "{}"`
fn request(cursor: &mut Cursor<'_>) -> Result<Command, String> {
    let is_unsigned = cursor.take("unsigned");
    let method = cursor.word("a method such as `POST`")?.to_owned();
    let target = cursor.text("a path")?;
    let headers = if cursor.take("with") { cursor.attributes()? } else { BTreeMap::new() };
    let body = if cursor.take("body") { frame_text(cursor)? } else { String::new() };
    // A header that a story gives is not replaced.
    let is_signed = !is_unsigned && !headers.contains_key("authorization");
    Ok(Command::Request { is_signed, method, target, headers, body })
}

/// `11: alice sends "hello"`
fn repeat(cursor: &mut Cursor<'_>) -> Result<Command, String> {
    let count = cursor.number("a count")?;
    cursor.expect(":")?;
    let command = Box::new(command(cursor)?);
    match *command {
        Command::Call { name: Some(_), .. } => Err("a repeated call cannot have a name".into()),
        Command::Call { .. } | Command::Send { .. } => Ok(Command::Repeat { count, command }),
        _ => Err("only `call` and what a client sends can be repeated".into()),
    }
}

fn client_command(cursor: &mut Cursor<'_>) -> Result<Command, String> {
    let client = cursor.name("a command or the name of a client")?;
    if cursor.take("connects") {
        return connect(cursor, client);
    }
    if cursor.take("closes") {
        let code = if cursor.rest().is_empty() { None } else { Some(cursor.number("a code")?) };
        let reason = cursor.optional_text()?;
        return Ok(Command::Close { client, code, reason });
    }
    if cursor.take("vanishes") {
        return Ok(Command::Vanish { client });
    }
    let frame = if cursor.take("sends") {
        sent(cursor)?
    } else if cursor.take("deletes") {
        let id = cursor.name("the id of a message")?;
        ClientFrame::Delete { id, reason: because(cursor)? }
    } else if cursor.take("disconnects user") {
        let user_id = cursor.name("a user id")?;
        ClientFrame::Disconnect { user_id, reason: because(cursor)? }
    } else if cursor.take("pings") {
        ClientFrame::Ping(cursor.text("a payload")?.into_bytes())
    } else {
        let what = "`connects`, `sends`, `deletes`, `disconnects user`, `pings`, `closes` or \
                    `vanishes`";
        return Err(format!("`{client}` is not a command; as a client, {}", cursor.expected(what)));
    };
    Ok(Command::Send { client, frame })
}

/// `with the token of bob at "/chat" sending origin="https://example.com"`
fn connect(cursor: &mut Cursor<'_>, client: String) -> Result<Command, String> {
    let offer = offer(cursor)?;
    let path = if cursor.take("at") { cursor.text("a path")? } else { "/".to_owned() };
    let headers = if cursor.take("sending") { cursor.attributes()? } else { BTreeMap::new() };
    Ok(Command::Connect { client, offer, path, headers })
}

fn offer(cursor: &mut Cursor<'_>) -> Result<Offer, String> {
    if cursor.take("with the token of") {
        cursor.name("a client").map(|client| Offer::Of(vec![client]))
    } else if cursor.take("with the tokens of") {
        let mut clients = vec![cursor.name("a client")?];
        while cursor.take(",") {
            clients.push(cursor.name("a client")?);
        }
        Ok(Offer::Of(clients))
    } else if cursor.take("with token") {
        let reference = cursor.clone().word("a token").is_ok_and(|word| word.starts_with('$'));
        if reference {
            return cursor.word("a token").map(|word| Offer::Text(word.to_owned()));
        }
        // A text stands for itself, whatever it begins with.
        cursor.text("a token").map(|text| Offer::Text(escape(text)))
    } else if cursor.take("without a token") {
        Ok(Offer::Nothing)
    } else {
        Ok(Offer::Own)
    }
}

fn sent(cursor: &mut Cursor<'_>) -> Result<ClientFrame, String> {
    if cursor.take("text") {
        cursor.text("a text").map(ClientFrame::Text)
    } else if cursor.take("binary") {
        binary(cursor).map(ClientFrame::Binary)
    } else if cursor.is_at_text() {
        let content = cursor.text("a content")?;
        let attributes = if cursor.take("with") { Some(cursor.attributes()?) } else { None };
        Ok(ClientFrame::Message { content, attributes })
    } else if cursor.is_at_object() {
        frame_text(cursor).map(ClientFrame::Text)
    } else {
        Err(cursor.expected("a content in quotes, a frame as a JSON object, `text` or `binary`"))
    }
}

/// A text in quotes, a JSON object, or bytes such as `ff fe`.
fn binary(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, String> {
    if cursor.is_at_text() || cursor.is_at_object() {
        return frame_text(cursor).map(String::into_bytes);
    }
    let mut bytes = Vec::new();
    while bytes.is_empty() || !cursor.rest().is_empty() {
        let word = cursor.word("bytes such as `ff fe`, a text in quotes or a JSON object")?;
        let byte = if word.len() == 2 { u8::from_str_radix(word, 16).ok() } else { None };
        bytes.push(byte.ok_or_else(|| format!("`{word}` is not a byte of two hex digits"))?);
    }
    Ok(bytes)
}

fn because(cursor: &mut Cursor<'_>) -> Result<Option<String>, String> {
    if cursor.take("because") { cursor.text("a reason").map(Some) } else { Ok(None) }
}

/// Returns a text that [`resolve`] turns into this text.
fn escape(text: String) -> String {
    if text.starts_with('$') { format!("${text}") } else { text }
}

/// Puts members of earlier responses in the place of texts such as `$lobby`, which is the ARN in
/// the response of that name, and `$page.nextToken`; `$$x` is the text `$x`.
pub(crate) fn resolve(
    value: &mut Value,
    responses: &BTreeMap<String, Value>,
) -> Result<(), String> {
    match value {
        Value::String(text) => {
            if let Some(escaped) = text.strip_prefix("$$") {
                *text = format!("${escaped}");
            } else if let Some(reference) = text.strip_prefix('$') {
                *value = member_of(responses, reference)?;
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| resolve(item, responses)),
        Value::Object(members) => {
            members.values_mut().try_for_each(|item| resolve(item, responses))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Returns the value of a reference such as `page.nextToken` or `page.rooms.0.arn`.
fn member_of(responses: &BTreeMap<String, Value>, reference: &str) -> Result<Value, String> {
    let (name, path) = reference.split_once('.').unwrap_or((reference, "arn"));
    let response = responses
        .get(name)
        .ok_or_else(|| format!("there is no room and no response named `{name}`"))?;
    let pointer = format!("/{}", path.replace('.', "/"));
    let member = response.pointer(&pointer).cloned();
    member.ok_or_else(|| format!("the response `{name}` has no member `{path}`: {response}"))
}
