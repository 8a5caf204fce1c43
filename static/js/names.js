// The form for the player's name, on the home page and before a shared link.

import { busy, refs, write } from "./dom.js";
import { me, setName } from "./identity.js";
import { t } from "./i18n.js";
import { errorText } from "./error-messages.js";

/** `onSet(player)` is called after the name is set. Returns {submit, edit, reset}. */
export function mountName(form, onSet = () => {}) {
  const part = refs(form);
  const input = part["name-input"];
  const note = part["name-note"];
  const button = form.querySelector("button");
  const hint = note.textContent;

  const setNote = (text, isError) => {
    write(note, text);
    note.classList.toggle("bad", isError);
    if (isError) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };

  async function submit() {
    const name = input.value.trim().replace(/\s+/g, " ");
    if (!name) {
      setNote(t("Choose a name first."), true);
      input.focus();
      return false;
    }
    if (name === me()?.user.username) {
      onSet(me());
      return true;
    }
    setNote(hint, false);
    busy(button, true);
    try {
      onSet(await setName(name));
      return true;
    } catch (problem) {
      setNote(errorText(problem), true);
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
  input.oninput = () => { if (input.hasAttribute("aria-invalid")) setNote(hint, false); };

  return {
    submit,
    edit() {
      input.value = me()?.user.username ?? "";
      setNote(t("A new name creates a new player. You leave your current rooms and games."), false);
      input.focus();
      input.select();
    },
    reset() {
      input.value = "";
      setNote(hint, false);
    },
  };
}
