// The requests to join a room, which its host accepts or declines.

import { element, isolated } from "./dom.js";
import { t } from "./i18n.js";

/** Draw the requests. Nodes of unchanged requests are reused, which keeps the focus. */
export function drawJoinRequests(list, requests, { full, answer }) {
  const oldNodes = new Map([...list.children].map((node) => [node.dataset.key, node]));
  list.replaceChildren(...requests.map((request) => {
    const node = oldNodes.get(request.requestId) ?? row(request, answer);
    node.dataset.key = request.requestId;
    node.querySelector("[data-testid=accept]").disabled = full;
    return node;
  }));
}

function row(request, answer) {
  const name = request.user.username;
  const button = (testId, text, label, accept) => {
    const node = element("button", { type: "button", class: "button small", "data-testid": testId, "aria-label": label }, text);
    node.onclick = () => answer(request, accept, node);
    return node;
  };
  return element("li", { class: "seat", "data-testid": "join-request" },
    element("div", { class: "seat-text" }, element("span", { class: "seat-name" }, isolated(name))),
    button("accept", t("Accept"), t("Accept {name}", { name }), true),
    button("decline", t("Decline"), t("Decline {name}", { name }), false));
}
