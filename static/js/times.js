// Formats times as the server does (web/pages/clock.py): in one zone, with the patterns and names that come with the
// page. Leaves the browser's zone in a cookie for the server, and updates the times of the page.

import { basePath } from "./base-path.js";

const clock = JSON.parse(document.getElementById("clock").textContent);
/** The account's zone has been chosen; else it is the browser's. */
const isChosen = "zoneChosen" in document.documentElement.dataset;
const ZONE_COOKIE_SECONDS = 365 * 86400;
const REFRESH_MS = 30000;
const DAY_MS = 86400000;

const browserZone = supportedZone(Intl.DateTimeFormat().resolvedOptions().timeZone) ?? "UTC";
const zone = (isChosen && supportedZone(clock.zone)) || browserZone;
const fieldsFormat = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
  timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
});

/** Return the zone, or undefined if this browser does not know it. */
function supportedZone(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return name;
  } catch {
    return undefined;
  }
}

/** Return a time in milliseconds, limited to what the server can represent: log lines can have any time. */
const clamp = (at) => Math.floor(Math.min(Math.max(at, -6e10), 2.5e11)) * 1000;

/** Return the fields of a time in the zone of the page; `utc` is the same fields as a time in UTC. */
function localTime(at) {
  const ms = clamp(at);
  const fields = {};
  for (const { type, value } of fieldsFormat.formatToParts(ms)) fields[type] = Number(value);
  const { year, month, day, hour, minute, second } = fields;
  const utc = new Date(0);
  utc.setUTCFullYear(year, month - 1, day);
  utc.setUTCHours(hour, minute, second);
  return { year, month, day, hour, minute, second, weekday: utc.getUTCDay(), dayNumber: Math.floor(utc / DAY_MS), offset: Math.round((utc - ms) / 60000) };
}

const now = () => Math.floor(Date.now() / 1000);
const twoDigits = (number) => String(number).padStart(2, "0");
const padded = (number, letters) => String(number).padStart(letters.length, "0");

/** The fields of CLDR patterns by their letter. */
const FIELDS = {
  E: (local, letters) => (letters.length > 3 ? clock.names.weekdays : clock.names.short_weekdays)[local.weekday],
  M: (local, letters) => {
    if (letters.length < 3) return padded(local.month, letters);
    return (letters.length > 3 ? clock.names.months : clock.names.short_months)[local.month - 1];
  },
  y: (local, letters) => (letters.length === 2 ? twoDigits(local.year % 100) : padded(local.year, letters)),
  d: (local, letters) => padded(local.day, letters),
  H: (local, letters) => padded(local.hour, letters),
  h: (local, letters) => padded(local.hour % 12 || 12, letters),
  m: (local, letters) => padded(local.minute, letters),
  s: (local, letters) => padded(local.second, letters),
  a: (local) => clock.names.periods[local.hour < 12 ? 0 : 1],
};

function format(local, pattern) {
  return clock.patterns[pattern].replace(/'([^']*)'|([EMydHhmsa])\2*/g, (letters, quoted, letter) => (
    letter ? FIELDS[letter](local, letters) : quoted || "'"
  ));
}

function patternFor(local) {
  const today = localTime(now());
  if (local.dayNumber === today.dayNumber) return "clock";
  return local.year === today.year ? "this_year" : "date";
}

function zoneName({ offset }) {
  // The names are those of the zone that the server knew.
  const name = zone === clock.zone && clock.zone_names[offset];
  if (name) return name;
  const minutes = Math.abs(offset) % 60;
  return `UTC${offset < 0 ? "-" : "+"}${Math.floor(Math.abs(offset) / 60)}${minutes ? `:${twoDigits(minutes)}` : ""}`;
}

/** Return a time: "14:05" today, "28 Nov, 14:05" this year, else "28 Nov 2025". */
function formatMoment(at) {
  const local = localTime(at);
  return format(local, patternFor(local));
}

/** Return a time with its time of the day in other years as well. */
function formatDateTime(at) {
  const local = localTime(at);
  const pattern = patternFor(local);
  return format(local, pattern === "date" ? "date_time" : pattern);
}

/** Return a time of the last hour as "5 min ago", and others as a moment. */
function formatAgo(at) {
  const minutes = Math.floor((Date.now() / 1000 - at) / 60);
  if (minutes < -1 || minutes >= 60) return formatMoment(at);
  return minutes < 1 ? clock.texts.just_now : clock.texts.minutes_ago.replace("{count}", minutes);
}

/** Return the duration since a time, such as "2 h 5 min". */
function formatDurationSince(at) {
  const minutes = Math.max(0, Math.floor((Date.now() / 1000 - at) / 60));
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

const functions = {
  moment: formatMoment,
  date_time: formatDateTime,
  clock: (at) => format(localTime(at), "clock"),
  seconds: (at) => format(localTime(at), "seconds"),
  ago: formatAgo,
  duration: formatDurationSince,
};

/** Return a time in seconds in a format: "moment", "date_time", "clock", "seconds", "ago" or "duration". */
export const formatTime = (at, name = "moment") => functions[name](at);

/** Return a time with weekday, date, seconds and zone. */
export function formatFull(at) {
  const local = localTime(at);
  return `${format(local, "full")} ${zoneName(local)}`;
}

/** Return the end of a period: only the time if it began on the same day. */
export const formatEnd = (at, since) => formatTime(at, localTime(since).dayNumber === localTime(at).dayNumber ? "clock" : "date_time");

export const isoTime = (at) => new Date(clamp(at)).toISOString();

/** Return a key for the reader's day of a time, and the day as a heading. */
export function dayOf(at) {
  const local = localTime(at);
  const days = localTime(now()).dayNumber - local.dayNumber;
  const { today, yesterday } = clock.texts;
  return [String(local.dayNumber), [today, yesterday][days] ?? format(local, "day")];
}

/** Update the times in a part of the page: their zone, and how long ago they are. */
export function localizeTimes(root = document) {
  for (const node of root.querySelectorAll("time[data-at]")) {
    const at = Number(node.dataset.at);
    const text = node.dataset.from ? formatEnd(at, Number(node.dataset.from)) : formatTime(at, node.dataset.as);
    if (node.textContent !== text) node.textContent = text;
    node.title = formatFull(at);
  }
}

function saveBrowserZone() {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `tz=${browserZone}; Path=${basePath || "/"}; Max-Age=${ZONE_COOKIE_SECONDS}; SameSite=Lax${secure}`;
}

saveBrowserZone();
const zoneLabel = document.querySelector("[data-clock-zone]");
if (zoneLabel && zoneLabel.textContent !== zone) zoneLabel.textContent = zone;
localizeTimes();
setInterval(localizeTimes, REFRESH_MS);
