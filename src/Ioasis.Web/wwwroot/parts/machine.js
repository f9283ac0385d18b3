// What all screens know of the machine: its state, its totals, and of a recording the place that is shown.
import { useEffect, useState } from "preact/hooks";
import { follow, get, post } from "../api.js";
import { Latest } from "./latest.js";

const known = {
  state: null, // api/state
  changes: null, // the newest of api/changes
  connection: "", // "open", "broken" or "ended"
  failure: null, // why there is no state
  position: null, // api/position, of a recording
  version: 0, // grows when something of it may have changed that a screen asks for itself
};
let told = { ...known };
const listeners = new Set();
let stop = null;

function tell(news) {
  told = { ...told, ...news };
  for (const listener of listeners) listener(told);
}

const state = new Latest(
  () => get("state"),
  (answer) => tell({ state: answer, failure: null, version: told.version + 1 }),
  (e) => tell({ failure: e.message }), 2);

const position = new Latest(
  (at) => (at === null ? get("position") : post("position", { at })),
  (answer) => {
    tell({ position: answer, version: told.version + 1 });
    state.want();
  },
  (e) => tell({ failure: e.message }));

function begin() {
  stop = new AbortController();
  state.want();
  follow("changes", {}, (events) => {
    const news = events.filter((e) => e.event === "changes");
    if (!news.length) return;
    tell({ changes: news.at(-1) });
    if (news.some((e) => e.state)) state.want();
  }, {
    signal: stop.signal,
    state: (connection) => {
      // What changed while nobody listened is not told again.
      if (connection === "open" && told.connection === "broken") state.want();
      tell({ connection });
    },
  });
}

/**
 * {state, changes, connection, failure, position, version}. The component is drawn anew with each change. What it asks
 * for itself, it asks again when `version` is another: the machine changed, or a recording was moved.
 */
export function useMachine() {
  const [now, set] = useState(told);
  useEffect(() => {
    listeners.add(set);
    if (!stop) begin();
    set(told);
    return () => {
      listeners.delete(set);
      // A screen that follows at once goes on with the same connection.
      setTimeout(() => {
        if (listeners.size || !stop) return;
        stop.abort();
        stop = null;
      }, 1000);
    };
  }, []);
  return now;
}

/** Of a recording: asks where it is. */
export const askPosition = () => position.want(null);

/** Of a recording: shows the machine as it was after this line. Of many moves the newest counts. */
export const moveTo = (at) => position.want(at);
