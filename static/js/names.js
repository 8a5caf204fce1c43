// Taking a name: the form on the home page and the one in front of a shared link.

import { busy, refs, write } from "./dom.js";
import { me, takeName } from "./identity.js";
import { t } from "./i18n.js";
import { errorText } from "./error-messages.js";

/** `taken(player)` after the name is the visitor's. Returns {submit, edit}. */
export function mountName(form, taken = () => {}) {
  const part = refs(form);
  const input = part["name-input"];
  const note = part["name-note"];
  const button = form.querySelector("button");
  const hint = note.textContent;

  const say = (text, wrong) => {
    write(note, text);
    note.classList.toggle("bad", wrong);
    if (wrong) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };

  async function submit() {
    const name = input.value.trim().replace(/\s+/g, " ");
    if (!name) {
      say(t("Choose a name first."), true);
      input.focus();
      return false;
    }
    if (name === me()?.user.username) {
      taken(me());
      return true;
    }
    say(hint, false);
    busy(button, true);
    try {
      taken(await takeName(name));
      return true;
    } catch (problem) {
      say(errorText(problem), true);
      input.focus();
      return false;
    } finally {
      busy(button, false);
    }
  }

  form.onsubmit = (event) => {
    event.preventDefault();
    submit();
  };
  input.oninput = () => { if (input.hasAttribute("aria-invalid")) say(hint, false); };

  return {
    submit,
    edit() {
      input.value = me()?.user.username ?? "";
      say(t("A new name creates a new player. You leave your current rooms and games."), false);
      input.focus();
      input.select();
    },
    reset() {
      input.value = "";
      say(hint, false);
    },
  };
}
