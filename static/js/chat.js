// The chat of a room or a game: messages, unsent messages and events.

import { getWithRetry } from "./api.js";
import { busy, clone, element, flag, refs, sentence, write } from "./dom.js";
import { isMe, me } from "./identity.js";
import { onOutbox, post, waiting } from "./outbox.js";
import { t } from "./i18n.js";
import { formatFull, formatTime, isoTime } from "./times.js";
import { errorText } from "./error-messages.js";

const NEAR_END = 48;

/** `path` is the room's or session's. Returns {load, add, addEvent, allow, close}. */
export function mountChat(panel, path) {
  const part = refs(panel);
  const chatPath = `${path}/chat`;
  const nodes = new Map();
  const unsent = new Map();

  const atEnd = () => part.scroll.scrollHeight - part.scroll.scrollTop - part.scroll.clientHeight < NEAR_END;

  function keepPosition(change, toEnd = atEnd()) {
    change();
    part.empty.hidden = part.lines.children.length > 0;
    if (toEnd) part.scroll.scrollTop = part.scroll.scrollHeight;
  }

  /** Insert a line in the order of ids. Unsent lines stay last. */
  function insert(node, id) {
    let after = part.lines.lastElementChild;
    while (after && !(Number(after.dataset.id) < id)) after = after.previousElementSibling;
    node.dataset.id = id;
    if (after) after.after(node);
    else part.lines.prepend(node);
  }

  function line(user, text, at) {
    const node = clone("chat-line");
    const parts = refs(node);
    write(parts.name, user.username);
    write(parts.text, text);
    if (at) {
      const seconds = Math.floor(at / 1000);
      parts.time.dateTime = isoTime(seconds);
      parts.time.dataset.at = seconds;
      parts.time.dataset.as = "moment";
      parts.time.title = formatFull(seconds);
      write(parts.time, formatTime(seconds));
    }
    flag(node, "data-mine", isMe(user));
    return node;
  }

  function add(id, event) {
    if (nodes.has(id)) return;
    const node = line(event.user, event.text, event.at);
    nodes.set(id, node);
    keepPosition(() => {
      if (isMe(event.user)) dropUnsent(([, pending]) => pending.text === event.text);
      insert(node, id);
    });
  }

  function dropUnsent(matching) {
    const found = [...unsent].find(matching);
    if (!found) return;
    found[1].node.remove();
    unsent.delete(found[0]);
  }

  function show(item) {
    const node = line(me().user, item.body.text);
    flag(node, "data-waiting", true);
    unsent.set(item.key, { node, text: item.body.text });
    keepPosition(() => part.lines.append(node), true);
  }

  const stop = onOutbox(chatPath, ({ item, state, answer, problem }) => {
    const pending = unsent.get(item.key);
    if (state === "sent") {
      dropUnsent(([key]) => key === item.key);
      add(answer.data.id, { user: me().user, text: item.body.text, at: Date.now() });
    } else if (state === "late") {
      for (const { node } of unsent.values()) write(refs(node).state, t("Waiting for the connection"));
    } else if (pending && state === "refused") {
      unsent.delete(item.key);
      flag(pending.node, "data-waiting", false);
      flag(pending.node, "data-failed", true);
      write(refs(pending.node).state, `${t("Not sent.")} ${errorText(problem)}`);
      if (!part.input.value) part.input.value = item.body.text;
    }
  });

  part.form.onsubmit = (event) => {
    event.preventDefault();
    const text = part.input.value.trim();
    if (!text || part.input.disabled) return;
    part.input.value = "";
    part.input.focus({ preventScroll: true });
    show(post(chatPath, { text }));
  };

  return {
    async load(signal) {
      busy(part.scroll, true);
      try {
        const { data } = await getWithRetry(chatPath, signal);
        for (const { id, event } of data) add(id, event);
        for (const item of waiting(chatPath)) if (!unsent.has(item.key)) show(item);
        keepPosition(() => {}, true);
      } finally {
        busy(part.scroll, false);
      }
    },
    add,
    addEvent(id, text, names) {
      if (nodes.has(id)) return;
      const node = element("li", { class: "line chat-event" });
      sentence(node, text, names);
      nodes.set(id, node);
      keepPosition(() => insert(node, id));
    },
    /** Enable or disable the form. `reason` says why it is disabled. */
    allow(on, reason = "") {
      part.input.disabled = !on;
      part.form.querySelector("button").disabled = !on;
      write(part.empty, on ? t("No messages yet. Say hello.") : reason);
      part.input.placeholder = on ? t("Write a message") : "";
    },
    close: stop,
  };
}
