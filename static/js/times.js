// Times in the reader's own zone and language, whatever the server has written for who has no script. The zone is the
// one that was chosen in the profile, else the browser's; of a language, the kind that the browser speaks.

const page = document.documentElement;
const locale = navigator.languages.find((one) => one.split("-")[0] === page.lang.split("-")[0]) ?? (page.lang || undefined);
const timeZone = chosen(page.dataset.zone);
const form = (parts, words = locale) => new Intl.DateTimeFormat(words, { timeZone, ...parts });
const styles = {
  moment: form({ dateStyle: "medium", timeStyle: "short" }),
  date: form({ dateStyle: "medium" }),
  clock: form({ hour: "2-digit", minute: "2-digit" }),
};
const day = form({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
/** The same text for every moment of a day. */
const dayName = form({ dateStyle: "short" }, "en-CA");
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

/** What a calendar can show: lines of a log may say any time. */
const when = (at) => new Date(Math.min(Math.max(at, -6e10), 2.5e11) * 1000);

export const clockOf = (at) => styles.clock.format(when(at));
export const momentOf = (at) => styles.moment.format(when(at));
export const iso = (at) => when(at).toISOString();

/** A name for the reader's day that a moment is in, and the day as it is written. */
export function dayOf(at) {
  const date = when(at);
  return [dayName.format(date), day.format(date)];
}

/** A zone that this browser knows. */
function chosen(zone) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** "3 hours ago"; what is older than a month is dated, and so is what a log says of hours to come: its zone is wrong. */
function ago(at) {
  const minutes = Math.round((at - Date.now() / 1000) / 60);
  if (minutes > 1) return styles.moment.format(when(at));
  if (minutes > -60) return relative.format(Math.min(minutes, 0), "minute");
  if (minutes > -48 * 60) return relative.format(Math.round(minutes / 60), "hour");
  if (minutes > -31 * 24 * 60) return relative.format(Math.round(minutes / 1440), "day");
  return styles.date.format(when(at));
}

/** How long it is since then. */
export function since(at) {
  const minutes = Math.max(0, Math.floor((Date.now() / 1000 - at) / 60));
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

const forms = { ago, since };

export function timeText(at, as) {
  return forms[as]?.(at) ?? (styles[as] ?? styles.moment).format(when(at));
}

export function localTimes(root = document) {
  for (const node of root.querySelectorAll("time[data-at]")) {
    const at = Number(node.dataset.at);
    const sameDay = node.dataset.from && dayOf(Number(node.dataset.from))[0] === dayOf(at)[0];
    const text = timeText(at, sameDay ? "clock" : node.dataset.as);
    if (node.textContent !== text) node.textContent = text;
    node.title = momentOf(at);
  }
}
