//! String pattern: the string formats that the API's model defines by regular expressions.

/// A pattern of the API's model, which must match a whole text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StringPattern {
    BucketName,
    DeliveryStreamName,
    Id,
    LambdaUri,
    LogGroupName,
    LoggingConfigurationArn,
    Name,
    ResourceArn,
    RoomArn,
}

impl StringPattern {
    /// Returns the pattern as the model has it.
    pub(crate) const fn regex(self) -> &'static str {
        match self {
            Self::BucketName => "[a-z0-9-.]+",
            Self::DeliveryStreamName => "[a-zA-Z0-9_.-]+",
            Self::Id => "[a-zA-Z0-9]+",
            Self::LambdaUri => "$|^arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:.+.*",
            Self::LogGroupName => r"[\.\-_/#A-Za-z0-9]+",
            Self::LoggingConfigurationArn => {
                "arn:aws:ivschat:[a-z0-9-]+:[0-9]+:logging-configuration/[a-zA-Z0-9-]+"
            }
            Self::Name => "[a-zA-Z0-9-_]*",
            Self::ResourceArn => "arn:aws:ivschat:[a-z0-9-]+:[0-9]+:[a-z-]/[a-zA-Z0-9-]+",
            Self::RoomArn => "arn:aws:ivschat:[a-z0-9-]+:[0-9]+:room/[a-zA-Z0-9-]+",
        }
    }

    pub(crate) fn matches(self, text: &str) -> bool {
        match self {
            Self::BucketName => non_empty(text, |c| lower_or_digit(c) || "-.".contains(c)),
            Self::DeliveryStreamName => {
                non_empty(text, |c| letter_or_digit(c) || "_.-".contains(c))
            }
            Self::Id => non_empty(text, letter_or_digit),
            // The first alternative of the pattern, `$`, matches a text that ends where it begins.
            Self::LambdaUri => text.is_empty() || is_lambda(text),
            Self::LogGroupName => non_empty(text, |c| letter_or_digit(c) || ".-_/#".contains(c)),
            Self::LoggingConfigurationArn => {
                resource_type(text).is_some_and(|kind| kind == "logging-configuration")
            }
            Self::Name => text.chars().all(|c| letter_or_digit(c) || "-_".contains(c)),
            // Observed: the model's pattern has a resource type of a single letter, which no ARN
            // of the service has. It must mean any type.
            Self::ResourceArn => resource_type(text)
                .is_some_and(|kind| non_empty(kind, |c| c.is_ascii_lowercase() || c == '-')),
            Self::RoomArn => resource_type(text).is_some_and(|kind| kind == "room"),
        }
    }
}

/// Returns the resource type of an ARN of this service; `None` for any other text.
fn resource_type(text: &str) -> Option<&str> {
    let mut parts = text.strip_prefix("arn:aws:ivschat:")?.splitn(3, ':');
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let (kind, id) = resource.split_once('/')?;
    let legal = non_empty(region, |c| lower_or_digit(c) || c == '-')
        && non_empty(account, |c| c.is_ascii_digit())
        && non_empty(id, |c| letter_or_digit(c) || c == '-');
    legal.then_some(kind)
}

fn is_lambda(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("arn:aws:lambda:") else { return false };
    // The last part keeps its colons, because a function may be named with a version.
    let mut parts = rest.splitn(3, ':');
    let (Some(region), Some(account), Some(function)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    non_empty(region, |c| lower_or_digit(c) || c == '-')
        && account.len() == 12
        && non_empty(account, |c| c.is_ascii_digit())
        && function
            .strip_prefix("function:")
            .is_some_and(|name| non_empty(name, |c| !LINE_TERMINATORS.contains(&c)))
}

/// The characters that a `.` of a pattern does not match.
const LINE_TERMINATORS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// Returns `true` if a text has at least one character, and only legal ones.
fn non_empty(text: &str, legal: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(legal)
}

const fn letter_or_digit(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

const fn lower_or_digit(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(StringPattern::RoomArn, "arn:aws:ivschat:us-west-2:123456789012:room/AbcDef12-x", true)]
    #[case(StringPattern::RoomArn, "arn:aws:ivschat:us-west-2:123456789012:room/", false)]
    #[case(StringPattern::RoomArn, "arn:aws:ivschat::1:room/a", false)]
    #[case(StringPattern::RoomArn, "arn:aws:ivschat:us-west-2:1:room/a/b", false)]
    #[case(StringPattern::RoomArn, "Room00000001", false)]
    #[case(StringPattern::RoomArn, "arn:aws:ivschat:us-west-2:1:logging-configuration/a", false)]
    #[case(
        StringPattern::LoggingConfigurationArn,
        "arn:aws:ivschat:us-west-2:1:logging-configuration/a",
        true
    )]
    #[case(StringPattern::ResourceArn, "arn:aws:ivschat:us-west-2:1:room/a", true)]
    #[case(StringPattern::ResourceArn, "arn:aws:ivschat:us-west-2:1:Room/a", false)]
    #[case(StringPattern::ResourceArn, "arn:aws:ivs:us-west-2:1:channel/a", false)]
    #[case(StringPattern::LambdaUri, "", true)]
    #[case(StringPattern::LambdaUri, "arn:aws:lambda:us-west-2:123456789012:function:f:PROD", true)]
    #[case(StringPattern::LambdaUri, "arn:aws:lambda:us-west-2:1234:function:f", false)]
    #[case(StringPattern::LambdaUri, "arn:aws:lambda:us-west-2:123456789012:function:", false)]
    #[case(StringPattern::LambdaUri, "arn:aws:lambda:us-west-2:123456789012:function:f\r", false)]
    #[case(StringPattern::Name, "", true)]
    #[case(StringPattern::Name, "a-B_9", true)]
    #[case(StringPattern::Name, "a b", false)]
    #[case(StringPattern::Name, "é", false)]
    #[case(StringPattern::Id, "AbcDef123456", true)]
    #[case(StringPattern::Id, "Abc-ef123456", false)]
    #[case(StringPattern::BucketName, "my-bucket.1", true)]
    #[case(StringPattern::BucketName, "My", false)]
    #[case(StringPattern::LogGroupName, "/aws/ivs#1_a.b-c", true)]
    #[case(StringPattern::LogGroupName, "a b", false)]
    #[case(StringPattern::DeliveryStreamName, "a_b.c-D", true)]
    #[case(StringPattern::DeliveryStreamName, "a/b", false)]
    fn a_text_matches_or_not(
        #[case] pattern: StringPattern,
        #[case] text: &str,
        #[case] matches: bool,
    ) {
        assert_eq!(pattern.matches(text), matches);
    }

    #[rstest]
    #[case("arn:aws:lambda:us-west-2:123456789012:f", false)]
    #[case("arn:aws:lambda:us-west-2:12345678901x:function:f", false)]
    #[case("arn:aws:lambda:US:123456789012:function:f", false)]
    #[case("arn:aws:lambda::123456789012:function:f", false)]
    #[case("arn:aws:lambda:us-west-2:123456789012", false)]
    #[case("arn:aws:lambda:a1-:123456789012:function:é f", true)]
    #[case("function:f", false)]
    fn a_lambda_has_all_parts(#[case] text: &str, #[case] matches: bool) {
        assert_eq!(StringPattern::LambdaUri.matches(text), matches);
    }

    #[rstest]
    #[case("arn:aws:ivschat:us_west:1:room/a", false)]
    #[case("arn:aws:ivschat:US:1:room/a", false)]
    #[case("arn:aws:ivschat:us-west-2:a:room/a", false)]
    #[case("arn:aws:ivschat:us-west-2::room/a", false)]
    #[case("arn:aws:ivschat:us-west-2:1:room/a_", false)]
    #[case("arn:aws:ivschat:us-west-2:1:/a", false)]
    #[case("arn:aws:ivschat:us-west-2:1:ro1m/a", false)]
    #[case("arn:aws:ivschat:us-west-2:1:room", false)]
    #[case("arn:aws:ivschat:us-west-2:1:a-b/a-B9", true)]
    fn a_resource_has_all_parts(#[case] text: &str, #[case] matches: bool) {
        assert_eq!(StringPattern::ResourceArn.matches(text), matches);
        assert!(!StringPattern::RoomArn.matches(text));
        assert!(!StringPattern::LoggingConfigurationArn.matches(text));
    }

    #[test]
    fn patterns_other_than_that_of_names_need_a_character() {
        let patterns = [
            StringPattern::BucketName,
            StringPattern::DeliveryStreamName,
            StringPattern::Id,
            StringPattern::LogGroupName,
        ];
        for pattern in patterns {
            assert!(!pattern.matches(""), "{pattern:?}");
            assert!(pattern.matches("a9"), "{pattern:?}");
            assert!(pattern.regex().starts_with('['), "{pattern:?}");
        }
    }
}
