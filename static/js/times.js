// Formats times in the reader's time zone and language, in place of those that the server rendered. The zone is that of
// the profile, else the browser's; the locale is the browser's variant of the page's language.

const page = document.documentElement;
const locale = navigator.languages.find((tag) => tag.split("-")[0] === page.lang.split("-")[0]) ?? (page.lang || undefined);
const timeZone = supportedZone(page.dataset.zone);
const formatter = (options, tag = locale) => new Intl.DateTimeFormat(tag, { timeZone, ...options });
const formatters = {
  datetime: formatter({ dateStyle: "medium", timeStyle: "short" }),
  date: formatter({ dateStyle: "medium" }),
  clock: formatter({ hour: "2-digit", minute: "2-digit" }),
};
const dayFormatter = formatter({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
/** The same text for all times of a day. */
const dayKeyFormatter = formatter({ dateStyle: "short" }, "en-CA");
const relativeFormatter = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

/** Return the Date of a time, limited to what Date can represent: log lines can have any time. */
const toDate = (at) => new Date(Math.min(Math.max(at, -6e10), 2.5e11) * 1000);

export const formatClock = (at) => formatters.clock.format(toDate(at));
export const formatDateTime = (at) => formatters.datetime.format(toDate(at));
export const isoTime = (at) => toDate(at).toISOString();

/** Return a key for the reader's day of a time, and the day as text. */
export function dayOf(at) {
  const date = toDate(at);
  return [dayKeyFormatter.format(date), dayFormatter.format(date)];
}

/** Return the time zone, or undefined if this browser does not know it. */
function supportedZone(zone) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** Return a time as "3 hours ago". Future times, which come from logs with a wrong zone, and those older than a month get a date. */
function formatAgo(at) {
  const minutes = Math.round((at - Date.now() / 1000) / 60);
  if (minutes > 1) return formatters.datetime.format(toDate(at));
  if (minutes > -60) return relativeFormatter.format(Math.min(minutes, 0), "minute");
  if (minutes > -48 * 60) return relativeFormatter.format(Math.round(minutes / 60), "hour");
  if (minutes > -31 * 24 * 60) return relativeFormatter.format(Math.round(minutes / 1440), "day");
  return formatters.date.format(toDate(at));
}

/** Return the duration since a time, such as "2 h 5 min". */
function formatDurationSince(at) {
  const minutes = Math.max(0, Math.floor((Date.now() / 1000 - at) / 60));
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

const functions = { ago: formatAgo, duration: formatDurationSince };

/** Return a time in a format: "datetime", "date", "clock", "ago" or "duration". */
export function formatTime(at, format) {
  return functions[format]?.(at) ?? (formatters[format] ?? formatters.datetime).format(toDate(at));
}

export function localizeTimes(root = document) {
  for (const node of root.querySelectorAll("time[data-at]")) {
    const at = Number(node.dataset.at);
    const sameDay = node.dataset.from && dayOf(Number(node.dataset.from))[0] === dayOf(at)[0];
    const text = formatTime(at, sameDay ? "clock" : node.dataset.as);
    if (node.textContent !== text) node.textContent = text;
    node.title = formatDateTime(at);
  }
}
