// Sounds of the chat, made of tones. They are off by default; the browser stores the choice.

import { storageKey } from "./base-path.js";

const STORAGE_KEY = storageKey("coalserver.sound");
/** [frequency, start, length] of each tone. */
const TUNES = {
  chat: [[880, 0, 0.08]],
  login: [[523, 0, 0.1], [784, 0.1, 0.16]],
  logout: [[784, 0, 0.1], [523, 0.1, 0.16]],
  death: [[196, 0, 0.2], [147, 0.16, 0.35]],
  achievement: [[523, 0, 0.1], [659, 0.09, 0.1], [784, 0.18, 0.1], [1047, 0.27, 0.3]],
  on: [[659, 0, 0.08], [988, 0.08, 0.14]],
};
const VOLUME = 0.12;
/** Of several sounds within this time, only the first is played. */
const MIN_INTERVAL_MS = 150;

export function mountSounds(button) {
  let on = false;
  let audio = null;
  let lastPlayed = 0;

  try {
    on = localStorage.getItem(STORAGE_KEY) === "on";
  } catch { /* storage is blocked: off */ }

  function draw() {
    button.setAttribute("aria-pressed", String(on));
  }

  /** Browsers allow audio only after the user has interacted with the page. */
  function unlock() {
    if (!on) return;
    audio ??= new AudioContext();
    audio.resume();
  }

  button.onclick = () => {
    on = !on;
    try {
      localStorage.setItem(STORAGE_KEY, on ? "on" : "off");
    } catch { /* storage is blocked: kept until the page is closed */ }
    draw();
    unlock();
    play("on");
  };

  function play(kind) {
    if (!on || !audio || !TUNES[kind] || performance.now() - lastPlayed < MIN_INTERVAL_MS) return;
    lastPlayed = performance.now();
    for (const [frequency, start, length] of TUNES[kind]) {
      const tone = audio.createOscillator();
      const gain = audio.createGain();
      const from = audio.currentTime + start;
      tone.type = "triangle";
      tone.frequency.value = frequency;
      gain.gain.setValueAtTime(0, from);
      gain.gain.linearRampToValueAtTime(VOLUME, from + 0.01);
      gain.gain.exponentialRampToValueAtTime(0.001, from + length);
      tone.connect(gain).connect(audio.destination);
      tone.start(from);
      tone.stop(from + length + 0.02);
    }
  }

  addEventListener("pointerdown", unlock, { once: true });
  addEventListener("keydown", unlock, { once: true });
  draw();
  return { play };
}
