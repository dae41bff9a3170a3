//! Operation: the seventeen operations of the HTTP control plane, by name and route.

use std::fmt;

/// An operation of the HTTP control plane.
///
/// Documented: the Amazon IVS Chat API reference.
///
/// ```
/// use mock_ivs_chat::Operation;
///
/// assert_eq!(Operation::CreateChatToken.to_string(), "CreateChatToken");
/// assert_eq!(Operation::TagResource.path(), "/tags/{resourceArn}");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Operation {
    /// `POST /CreateChatToken`
    CreateChatToken,
    /// `POST /CreateLoggingConfiguration`
    CreateLoggingConfiguration,
    /// `POST /CreateRoom`
    CreateRoom,
    /// `POST /DeleteLoggingConfiguration`
    DeleteLoggingConfiguration,
    /// `POST /DeleteMessage`
    DeleteMessage,
    /// `POST /DeleteRoom`
    DeleteRoom,
    /// `POST /DisconnectUser`
    DisconnectUser,
    /// `POST /GetLoggingConfiguration`
    GetLoggingConfiguration,
    /// `POST /GetRoom`
    GetRoom,
    /// `POST /ListLoggingConfigurations`
    ListLoggingConfigurations,
    /// `POST /ListRooms`
    ListRooms,
    /// `GET /tags/{resourceArn}`
    ListTagsForResource,
    /// `POST /SendEvent`
    SendEvent,
    /// `POST /tags/{resourceArn}`
    TagResource,
    /// `DELETE /tags/{resourceArn}`
    UntagResource,
    /// `POST /UpdateLoggingConfiguration`
    UpdateLoggingConfiguration,
    /// `POST /UpdateRoom`
    UpdateRoom,
}

impl Operation {
    /// All operations, in alphabetical order.
    pub const ALL: [Self; 17] = [
        Self::CreateChatToken,
        Self::CreateLoggingConfiguration,
        Self::CreateRoom,
        Self::DeleteLoggingConfiguration,
        Self::DeleteMessage,
        Self::DeleteRoom,
        Self::DisconnectUser,
        Self::GetLoggingConfiguration,
        Self::GetRoom,
        Self::ListLoggingConfigurations,
        Self::ListRooms,
        Self::ListTagsForResource,
        Self::SendEvent,
        Self::TagResource,
        Self::UntagResource,
        Self::UpdateLoggingConfiguration,
        Self::UpdateRoom,
    ];

    /// Returns the HTTP method.
    ///
    /// ```
    /// # use mock_ivs_chat::Operation;
    /// assert_eq!(Operation::UntagResource.method(), "DELETE");
    /// ```
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::ListTagsForResource => "GET",
            Self::UntagResource => "DELETE",
            // Documented: even operations that only read are `POST`, except for tags, where the
            // method tells the three operations on one path apart.
            _ => "POST",
        }
    }

    /// Returns the path. The three operations on tags share one that contains the resource's ARN.
    ///
    /// ```
    /// # use mock_ivs_chat::Operation;
    /// assert_eq!(Operation::CreateRoom.path(), "/CreateRoom");
    /// ```
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::CreateChatToken => "/CreateChatToken",
            Self::CreateLoggingConfiguration => "/CreateLoggingConfiguration",
            Self::CreateRoom => "/CreateRoom",
            Self::DeleteLoggingConfiguration => "/DeleteLoggingConfiguration",
            Self::DeleteMessage => "/DeleteMessage",
            Self::DeleteRoom => "/DeleteRoom",
            Self::DisconnectUser => "/DisconnectUser",
            Self::GetLoggingConfiguration => "/GetLoggingConfiguration",
            Self::GetRoom => "/GetRoom",
            Self::ListLoggingConfigurations => "/ListLoggingConfigurations",
            Self::ListRooms => "/ListRooms",
            Self::ListTagsForResource | Self::TagResource | Self::UntagResource => {
                "/tags/{resourceArn}"
            }
            Self::SendEvent => "/SendEvent",
            Self::UpdateLoggingConfiguration => "/UpdateLoggingConfiguration",
            Self::UpdateRoom => "/UpdateRoom",
        }
    }

    /// Returns the status of a successful response: 200, or 204 for the two deletions of resources.
    ///
    /// ```
    /// # use mock_ivs_chat::Operation;
    /// assert_eq!(Operation::DeleteRoom.success_status(), 204);
    /// ```
    #[must_use]
    pub const fn success_status(self) -> u16 {
        match self {
            // `DeleteMessage` is not one of them: it responds with an ID.
            Self::DeleteLoggingConfiguration | Self::DeleteRoom => 204,
            _ => 200,
        }
    }

    /// Returns the name, as the API spells it.
    ///
    /// ```
    /// # use mock_ivs_chat::Operation;
    /// assert_eq!(Operation::SendEvent.name(), "SendEvent");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ListTagsForResource => "ListTagsForResource",
            Self::TagResource => "TagResource",
            Self::UntagResource => "UntagResource",
            // The paths of all other operations are a slash and the name.
            _ => &self.path()[1..],
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_route_and_status() {
        for operation in Operation::ALL {
            let name = format!("{operation:?}");
            assert_eq!((operation.name(), operation.to_string()), (&*name, name.clone()));
            let (method, path) = match operation {
                Operation::ListTagsForResource => ("GET", "/tags/{resourceArn}".to_owned()),
                Operation::TagResource => ("POST", "/tags/{resourceArn}".to_owned()),
                Operation::UntagResource => ("DELETE", "/tags/{resourceArn}".to_owned()),
                _ => ("POST", format!("/{name}")),
            };
            assert_eq!((operation.method(), operation.path()), (method, &*path));
            let is_deletion = ["DeleteRoom", "DeleteLoggingConfiguration"].contains(&&*name);
            assert_eq!(operation.success_status(), if is_deletion { 204 } else { 200 });
        }
    }
}
