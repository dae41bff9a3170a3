//! Model: the constraints on every request of the control plane, in one table, and their check.

use serde_json::{Map, Value};

use crate::proto::capability::Capability;
use crate::proto::exception::{Exception, FieldFailure};
use crate::proto::operation::{Operation, Operation as Op};
use crate::proto::string_pattern::StringPattern;

/// Returns the members of an operation's request.
///
/// Documented: the API's model, version 2020-07-14. The limits on the bytes of attributes are in
/// the texts of `CreateChatToken` and `SendEvent`, not in their shapes.
pub(crate) const fn request(operation: Operation) -> &'static [Member] {
    match operation {
        Op::CreateChatToken => CREATE_CHAT_TOKEN,
        Op::CreateLoggingConfiguration => CREATE_LOGGING_CONFIGURATION,
        Op::CreateRoom => CREATE_ROOM,
        Op::DeleteLoggingConfiguration | Op::GetLoggingConfiguration => {
            LOGGING_CONFIGURATION_IDENTIFIER
        }
        Op::DeleteMessage => DELETE_MESSAGE,
        Op::DeleteRoom | Op::GetRoom => ROOM_IDENTIFIER,
        Op::DisconnectUser => DISCONNECT_USER,
        Op::ListLoggingConfigurations => LIST_LOGGING_CONFIGURATIONS,
        Op::ListRooms => LIST_ROOMS,
        Op::ListTagsForResource => LIST_TAGS_FOR_RESOURCE,
        Op::SendEvent => SEND_EVENT,
        Op::TagResource => TAG_RESOURCE,
        Op::UntagResource => UNTAG_RESOURCE,
        Op::UpdateLoggingConfiguration => UPDATE_LOGGING_CONFIGURATION,
        Op::UpdateRoom => UPDATE_ROOM,
    }
}

const CREATE_CHAT_TOKEN: &[Member] = &[
    required("roomIdentifier", ROOM_ARN),
    required("userId", USER_ID),
    // The model has no maximum here: it limits capabilities only by their names.
    optional("capabilities", Shape::List { of: &CAPABILITY, max: usize::MAX }),
    optional("sessionDurationInMinutes", Shape::Integer { min: 1, max: 180 }),
    optional("attributes", Shape::Attributes { max_bytes: 1024 }),
];

const CREATE_LOGGING_CONFIGURATION: &[Member] = &[
    optional("name", NAME),
    required("destinationConfiguration", DESTINATION),
    optional("tags", TAGS),
];

const CREATE_ROOM: &[Member] = &[
    optional("name", NAME),
    optional("maximumMessageRatePerSecond", MESSAGE_RATE),
    optional("maximumMessageLength", MESSAGE_LENGTH),
    optional("messageReviewHandler", REVIEW_HANDLER),
    optional("tags", TAGS),
    optional("loggingConfigurationIdentifiers", LOGGING_CONFIGURATIONS),
];

const LOGGING_CONFIGURATION_IDENTIFIER: &[Member] =
    &[required("identifier", LOGGING_CONFIGURATION_ARN)];

const DELETE_MESSAGE: &[Member] = &[
    required("roomIdentifier", ROOM_ARN),
    required("id", Shape::String { min: 12, max: 12, pattern: Some(StringPattern::Id) }),
    optional("reason", REASON),
];

const ROOM_IDENTIFIER: &[Member] = &[required("identifier", ROOM_ARN)];

const DISCONNECT_USER: &[Member] = &[
    required("roomIdentifier", ROOM_ARN),
    required("userId", USER_ID),
    optional("reason", REASON),
];

const LIST_LOGGING_CONFIGURATIONS: &[Member] =
    &[optional("nextToken", NEXT_TOKEN), optional("maxResults", PAGE)];

const LIST_ROOMS: &[Member] = &[
    optional("name", NAME),
    optional("nextToken", NEXT_TOKEN),
    optional("maxResults", PAGE),
    optional("messageReviewHandlerUri", LAMBDA_URI),
    optional("loggingConfigurationIdentifier", LOGGING_CONFIGURATION_ARN),
];

const LIST_TAGS_FOR_RESOURCE: &[Member] = &[required("resourceArn", RESOURCE_ARN)];

/// Assumed: an event may have a name of the service, such as `aws:DELETE_MESSAGE`.
const SEND_EVENT: &[Member] = &[
    required("roomIdentifier", ROOM_ARN),
    required("eventName", text(1, 100)),
    optional("attributes", Shape::Attributes { max_bytes: 4096 }),
];

const TAG_RESOURCE: &[Member] = &[required("resourceArn", RESOURCE_ARN), required("tags", TAGS)];

const UNTAG_RESOURCE: &[Member] = &[
    required("resourceArn", RESOURCE_ARN),
    required("tagKeys", Shape::List { of: &TAG_KEY, max: 50 }),
];

const UPDATE_LOGGING_CONFIGURATION: &[Member] = &[
    required("identifier", LOGGING_CONFIGURATION_ARN),
    optional("name", NAME),
    optional("destinationConfiguration", DESTINATION),
];

const UPDATE_ROOM: &[Member] = &[
    required("identifier", ROOM_ARN),
    optional("name", NAME),
    optional("maximumMessageRatePerSecond", MESSAGE_RATE),
    optional("maximumMessageLength", MESSAGE_LENGTH),
    optional("messageReviewHandler", REVIEW_HANDLER),
    optional("loggingConfigurationIdentifiers", LOGGING_CONFIGURATIONS),
];

/// Checks a request against the constraints of its operation.
pub(crate) fn validate(operation: Operation, body: &Map<String, Value>) -> Result<(), Exception> {
    let mut failures = Vec::new();
    check_members(request(operation), body, "", &mut failures);
    if failures.is_empty() { Ok(()) } else { Err(Exception::fields(&failures)) }
}

/// Returns the path of the first member of a value that an operation does not have, and the members
/// that are known in its place.
pub(crate) fn unknown_member(
    operation: Operation,
    name: &str,
    value: &Value,
) -> Option<(String, &'static [Member])> {
    unknown_in(request(operation), name, name, value)
}

fn unknown_in(
    known: &'static [Member],
    path: &str,
    name: &str,
    value: &Value,
) -> Option<(String, &'static [Member])> {
    let Some(member) = known.iter().find(|member| member.name == name) else {
        return Some((path.into(), known));
    };
    let (Shape::Structure(inner) | Shape::Union(inner), Value::Object(values)) =
        (&member.shape, value)
    else {
        return None;
    };
    values
        .iter()
        .find_map(|(name, value)| unknown_in(inner, &format!("{path}.{name}"), name, value))
}

/// A member of a request or of a structure in one.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
}

/// The type of a member, with its constraints.
#[derive(Debug)]
pub(crate) enum Shape {
    /// A string of `min` to `max` characters.
    String { min: usize, max: usize, pattern: Option<StringPattern> },
    /// One of these strings.
    Enum(&'static [&'static str]),
    /// A whole number.
    Integer { min: i64, max: i64 },
    /// A list of at most `max` items.
    List { of: &'static Self, max: usize },
    /// A map from string to string, of at most `max_bytes` bytes in all.
    Attributes { max_bytes: usize },
    /// A map from string to string, of at most `max` pairs.
    Tags { key: &'static Self, value: &'static Self, max: usize },
    /// An object of these members.
    Structure(&'static [Member]),
    /// An object of exactly one of these members.
    Union(&'static [Member]),
}

const CAPABILITY: Shape = Shape::Enum(&Capability::NAMES);
const MESSAGE_LENGTH: Shape = Shape::Integer { min: 1, max: 500 };
const MESSAGE_RATE: Shape = Shape::Integer { min: 1, max: 100 };
const NEXT_TOKEN: Shape = text(0, 1024);
const REASON: Shape = text(1, 256);
const USER_ID: Shape = text(1, 128);
// A name may be empty, which is also the name of a room without one.
const NAME: Shape = Shape::String { min: 0, max: 128, pattern: Some(StringPattern::Name) };
const ROOM_ARN: Shape = arn(StringPattern::RoomArn);
const LOGGING_CONFIGURATION_ARN: Shape = arn(StringPattern::LoggingConfigurationArn);
const RESOURCE_ARN: Shape = arn(StringPattern::ResourceArn);
// An empty URI is legal: it turns the review of messages off.
const LAMBDA_URI: Shape =
    Shape::String { min: 0, max: 170, pattern: Some(StringPattern::LambdaUri) };
const LOGGING_CONFIGURATIONS: Shape = Shape::List { of: &LOGGING_CONFIGURATION_ARN, max: 3 };
const PAGE: Shape = Shape::Integer { min: 1, max: 50 };
const TAG_KEY: Shape = text(1, 128);
const TAG_VALUE: Shape = text(0, 256);
const TAGS: Shape = Shape::Tags { key: &TAG_KEY, value: &TAG_VALUE, max: MAXIMUM_TAGS };
const REVIEW_HANDLER: Shape = Shape::Structure(&[
    optional("uri", LAMBDA_URI),
    optional("fallbackResult", Shape::Enum(&["ALLOW", "DENY"])),
]);
const DESTINATION: Shape = Shape::Union(&[
    optional(
        "s3",
        Shape::Structure(&[required(
            "bucketName",
            Shape::String { min: 3, max: 63, pattern: Some(StringPattern::BucketName) },
        )]),
    ),
    optional(
        "cloudWatchLogs",
        Shape::Structure(&[required(
            "logGroupName",
            Shape::String { min: 1, max: 512, pattern: Some(StringPattern::LogGroupName) },
        )]),
    ),
    optional(
        "firehose",
        Shape::Structure(&[required(
            "deliveryStreamName",
            Shape::String { min: 1, max: 64, pattern: Some(StringPattern::DeliveryStreamName) },
        )]),
    ),
]);

/// The maximum of tags in a request, and of a resource.
pub(crate) const MAXIMUM_TAGS: usize = 50;

const fn required(name: &'static str, shape: Shape) -> Member {
    Member { name, required: true, shape }
}

const fn optional(name: &'static str, shape: Shape) -> Member {
    Member { name, required: false, shape }
}

const fn text(min: usize, max: usize) -> Shape {
    Shape::String { min, max, pattern: None }
}

const fn arn(pattern: StringPattern) -> Shape {
    Shape::String { min: 1, max: 128, pattern: Some(pattern) }
}

/// Assumed: members that the operation does not have are ignored.
fn check_members(
    members: &[Member],
    body: &Map<String, Value>,
    path: &str,
    failures: &mut Vec<FieldFailure>,
) {
    // Only members of the model are looked up, so all others are ignored.
    for member in members {
        let name = format!("{path}{}", member.name);
        // In AWS's JSON, `null` means that a member is absent.
        match body.get(member.name).filter(|value| !value.is_null()) {
            Some(value) => check(&member.shape, value, &name, failures),
            None if member.required => fail(failures, &name, "must not be null"),
            None => {}
        }
    }
}

/// Assumed: a member of another type is refused like one with an invalid value.
fn check(shape: &Shape, value: &Value, name: &str, failures: &mut Vec<FieldFailure>) {
    match (shape, value) {
        (Shape::String { min, max, pattern }, Value::String(text)) => {
            // Documented: a length in the model is a number of Unicode scalar values, not of bytes.
            let length = text.chars().count();
            if length < *min {
                fail(failures, name, format!("must have length greater than or equal to {min}"));
            } else if length > *max {
                fail(failures, name, format!("must have length less than or equal to {max}"));
            } else if let Some(pattern) = pattern.filter(|pattern| !pattern.matches(text)) {
                let regex = pattern.regex();
                fail(failures, name, format!("must satisfy regular expression pattern: {regex}"));
            }
        }
        (Shape::Enum(words), Value::String(text)) => {
            if !words.contains(&text.as_str()) {
                let words = words.join(", ");
                fail(failures, name, format!("must satisfy enum value set: [{words}]"));
            }
        }
        (Shape::Integer { min, max }, Value::Number(number)) => {
            // Also `5.0`, which would not fit the integers of the typed request.
            if number.is_f64() {
                fail(failures, name, "must be an integer");
            } else if number.as_i64().is_some_and(|number| number < *min) {
                fail(failures, name, format!("must have value greater than or equal to {min}"));
            } else if number.as_i64().is_none_or(|number| number > *max) {
                // One that does not fit into `i64` is too large: negative ones become floats.
                fail(failures, name, format!("must have value less than or equal to {max}"));
            }
        }
        (Shape::List { of, max }, Value::Array(items)) => {
            if items.len() > *max {
                fail(failures, name, format!("must have at most {max} items"));
            }
            // The items are checked even if there are too many, because all failures are reported.
            for (index, item) in items.iter().enumerate() {
                check(of, item, &format!("{name}[{index}]"), failures);
            }
        }
        (Shape::Attributes { max_bytes }, Value::Object(attributes)) => {
            check_attributes(*max_bytes, attributes, name, failures);
        }
        (Shape::Tags { key, value, max }, Value::Object(tags)) => {
            if tags.len() > *max {
                fail(failures, name, format!("must have at most {max} tags"));
            }
            check_pairs(key, value, tags, name, failures);
        }
        (Shape::Structure(members), Value::Object(body)) => {
            check_members(members, body, &format!("{name}."), failures);
        }
        (Shape::Union(members), Value::Object(body)) => {
            // A member that is `null` does not count, as in `check_members`.
            let present = |member: &&Member| body.get(member.name).is_some_and(|v| !v.is_null());
            if members.iter().filter(present).count() == 1 {
                check_members(members, body, &format!("{name}."), failures);
            } else {
                // The members are not checked in this case: it is unknown which one is meant.
                let names: Vec<_> = members.iter().map(|member| member.name).collect();
                fail(failures, name, format!("must have exactly one of {}", names.join(", ")));
            }
        }
        // Also for `null` in a list or a map, where it does not stand for an absent member.
        _ => fail(failures, name, format!("must be {}", shape.kind())),
    }
}

fn check_pairs(
    key: &Shape,
    value: &Shape,
    tags: &Map<String, Value>,
    name: &str,
    failures: &mut Vec<FieldFailure>,
) {
    // A key has no member name, so its failures carry the name of the map and say so in their
    // text.
    for (tag, text) in tags {
        let mut of_key = Vec::new();
        check(key, &Value::String(tag.clone()), name, &mut of_key);
        failures.extend(of_key.into_iter().map(|FieldFailure { name, why }| FieldFailure {
            name,
            why: format!("map keys {why}"),
        }));
        check(value, text, &format!("{name}.{tag}"), failures);
    }
}

fn check_attributes(
    max_bytes: usize,
    attributes: &Map<String, Value>,
    name: &str,
    failures: &mut Vec<FieldFailure>,
) {
    let mut bytes = 0;
    for (key, value) in attributes {
        match value {
            // As `Attributes::size_bytes` counts, so both limits are about the same bytes.
            Value::String(text) => bytes += key.len() + text.len(),
            _ => fail(failures, &format!("{name}.{key}"), "must be a string"),
        }
    }
    if bytes > max_bytes {
        fail(failures, name, format!("must be at most {max_bytes} bytes in all, not {bytes}"));
    }
}

fn fail(failures: &mut Vec<FieldFailure>, name: &str, why: impl Into<String>) {
    failures.push(FieldFailure { name: name.into(), why: why.into() });
}

impl Shape {
    const fn kind(&self) -> &'static str {
        match self {
            Self::String { .. } | Self::Enum(_) => "a string",
            Self::Integer { .. } => "an integer",
            Self::List { .. } => "a list",
            Self::Attributes { .. } | Self::Tags { .. } => "a map",
            Self::Structure(_) | Self::Union(_) => "an object",
        }
    }
}
