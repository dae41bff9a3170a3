// The page under test. It differs from one in production in the URL of the service only.

import { ChatRoom, SendMessageRequest } from "amazon-ivs-chat-messaging";

const $ = (selector) => document.querySelector(selector);

const room = new ChatRoom({
  // A region in production; the URL of the mock in tests.
  regionOrUrl: new URLSearchParams(location.search).get("service") ?? "us-west-2",
  // The backend creates a token for each connection.
  tokenProvider: async () => {
    const token = await (await fetch("/token")).json();
    return {
      token: token.token,
      tokenExpirationTime: new Date(token.tokenExpirationTime),
      sessionExpirationTime: new Date(token.sessionExpirationTime),
    };
  },
});

for (const state of ["connecting", "connect", "disconnect"]) {
  room.addListener(state, () => {
    $("#state").textContent = room.state;
  });
}
room.addListener("message", (message) => {
  const item = document.createElement("li");
  item.id = message.id;
  item.textContent = `${message.sender.userId}: ${message.content}`;
  $("#messages").append(item);
});
room.addListener("messageDelete", ({ messageId }) => document.getElementById(messageId)?.remove());

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await room.sendMessage(new SendMessageRequest($("#content").value));
    $("#problem").textContent = "";
  } catch (error) {
    $("#problem").textContent = `${error.errorCode}: ${error.errorMessage}`;
  }
});

room.connect();
