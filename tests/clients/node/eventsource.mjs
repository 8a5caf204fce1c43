// Follows a feed with eventsource; prints what happens as one JSON document per line.
import { EventSource } from "eventsource";

const { url, headers } = JSON.parse(process.argv[2]);

function print(document) {
  process.stdout.write(JSON.stringify(document) + "\n");
}

const source = new EventSource(url, {
  fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }),
});
source.onmessage = ({ data }) => print({ message: JSON.parse(data) });
source.onerror = ({ code, message }) => {
  if (source.readyState === EventSource.CLOSED) print({ refused: code });
  else print({ ended: message ?? "end" });
};
