// What happened when: calls, DMA, page requests, interrupts and faults as tracks, rates as curves.
import { html, useEffect, useRef, useState } from "../html.js";
import { follow } from "../api.js";
import { countText } from "../parts/addresses.js";
import { EventFields } from "../parts/event-fields.js";
import { EventStore } from "../parts/event-store.js";
import { eventText, timeText } from "../parts/event-words.js";
import { DmaButton, Line } from "../parts/line.js";
import { moveTo as moveRecording, useMachine } from "../parts/machine.js";
import { Totals } from "../parts/rates.js";
import { drawTimeline, heightOf, ratesText, trackAt, viewText } from "../parts/timeline-draw.js";

const shortest = 1e-6;
const longest = 1e6;
const mostRecorded = 200_000; // a recording is shown as a whole

/** Follows a stream while `isOn`. */
function useStream(kinds, isOn, take, state) {
  useEffect(() => {
    if (!isOn) return undefined;
    const stop = new AbortController();
    follow("events", kinds && { kinds }, take, { signal: stop.signal, state });
    return () => stop.abort();
  }, [isOn]);
}

export function Timeline({ about }) {
  return about && html`<h2>Timeline</h2><${Tracks} isRecording=${about.kind === "recording"} />`;
}

function Tracks({ isRecording }) {
  const { changes, position } = useMachine();
  const [, redraw] = useState(0);
  const [isDma, setDma] = useState(false);
  const [hover, setHover] = useState(null);
  const kept = useRef(null);
  kept.current ??= {
    store: new EventStore(isRecording ? mostRecorded : undefined), totals: new Totals(), line: {},
    view: { first: 0, last: 10 }, follows: true, isPaused: false, selected: null, clock: null, skipped: 0,
    connection: "",
  };
  const its = kept.current;
  const { store, totals, line } = its;
  const span = () => its.view.last - its.view.first;
  const width = () => line.width?.() ?? 1000;
  const isLive = () => its.follows && !its.isPaused && !isRecording;
  const show = () => {
    line.schedule?.();
    redraw((n) => n + 1);
  };

  // The program's clock: events tell it, and between them it goes on as ours does.
  const tell = (time) => { its.clock = Math.max(its.clock ?? -Infinity, time - performance.now() / 1000); };
  const now = () => (its.clock === null || isRecording || its.isPaused ? store.newest
    : Math.max(store.newest, performance.now() / 1000 + its.clock));
  const put = (last) => { its.view = { first: last - span(), last }; };
  const draw = (context, across, height, colours) => {
    if (isLive()) put(now() + span() * .02);
    drawTimeline(context, across, height, { ...its, now: now(), position: isRecording && position?.time }, colours);
  };
  const take = (events) => {
    const timed = events.findLast((e) => e.time !== undefined);
    if (timed) tell(timed.time);
    if (its.isPaused) its.skipped += events.length;
    else store.take(events);
    if (isRecording && its.follows) fit(); // all comes at once
    show();
  };
  useStream("", true, take, (connection) => {
    if (connection === "open" && its.connection === "broken") store.gap(0, "may be missing: the connection broke");
    its.connection = connection;
    redraw((n) => n + 1);
  });
  useStream("dma", isDma, take);
  useEffect(() => {
    if (changes) {
      tell(changes.time);
      totals.take(changes);
    }
    line.schedule();
  }, [changes, position]);
  useEffect(() => {
    const pace = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 50;
    const timer = setInterval(() => isLive() && line.schedule(), pace);
    return () => clearInterval(timer);
  }, []);

  const pause = (isPaused) => {
    if (!isPaused && its.skipped) store.gap(its.skipped, "came while the timeline was paused");
    if (!isPaused) its.skipped = 0;
    its.isPaused = isPaused;
    show();
  };
  const look = (first, last, follows = false) => {
    const size = Math.min(longest, Math.max(shortest, last - first));
    const middle = (first + last) / 2;
    its.view = { first: middle - size / 2, last: middle + size / 2 };
    its.follows = follows;
    show();
  };
  const shift = (by) => look(its.view.first + by, its.view.last + by);
  // What is selected keeps its place; what is followed stays at the right.
  const zoomBy = (factor, at) => {
    const { first, last } = its.view;
    const begin = its.selected?.begin;
    const middle = isLive() ? last : at ?? (first <= begin && begin <= last ? begin : (first + last) / 2);
    look(middle - (middle - first) * factor, middle + (last - middle) * factor, isLive());
  };
  const fit = () => {
    const room = Math.max(shortest, (store.newest - store.oldest) / 50);
    look(store.oldest - room, store.newest + room, isRecording && its.follows);
  };
  const goLive = () => {
    its.follows = true;
    pause(false);
  };
  const select = (item) => {
    its.selected = item ?? null;
    its.follows = false;
    if (item && (item.begin < its.view.first || item.begin > its.view.last)) put(item.begin + span() / 2);
    show();
  };
  const step = (by) => {
    const track = its.selected?.track ?? store.tracks.find((t) => t.length);
    if (!track) return;
    const at = its.selected ? track.indexOf(its.selected) + by : track.length - 1;
    select(track.at(Math.max(0, Math.min(track.length - 1, at))));
  };
  const stepTrack = (by) => {
    const tracks = store.tracks.filter((t) => t.length);
    const at = its.selected ? tracks.indexOf(its.selected.track) + by : 0;
    const track = tracks[Math.max(0, Math.min(tracks.length - 1, at))];
    if (track) select(track.nearest(its.selected?.begin ?? its.view.last).item);
  };
  const keys = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    ArrowUp: () => stepTrack(-1),
    ArrowDown: () => stepTrack(1),
    PageUp: () => shift(-span() * .75),
    PageDown: () => shift(span() * .75),
    Home: () => shift(store.oldest - its.view.first - span() / 20),
    End: () => shift(store.newest - its.view.last + span() / 20),
    "+": () => zoomBy(2 / 3),
    "=": () => zoomBy(2 / 3),
    "-": () => zoomBy(3 / 2),
    " ": () => pause(!its.isPaused),
    f: fit,
    l: goLive,
  };
  const timeAt = (x) => its.view.first + x / width() * span();
  const wheel = (x, across, down) => {
    if (Math.abs(across) > Math.abs(down)) shift(across / width() * span());
    else if (down) zoomBy(down < 0 ? .8 : 1.25, timeAt(x));
  };
  const itemAt = (x, y) => {
    const near = store.tracks[trackAt(y, width())]?.nearest(timeAt(x));
    return near && near.far / span() * width() < 8 ? near.item : null;
  };

  const shown = hover ?? its.selected;
  const words = shown ? `${shown.begin.toFixed(6)} s, ${shown.track.title}: ${eventText(shown)}`
    : store.count ? "Nothing is selected." : "Nothing has happened since this screen was opened.";
  const place = ((its.selected?.begin ?? its.view.last) - store.oldest) / (store.newest - store.oldest || 1);
  // While it follows, the view moves more often than its words are written.
  const range = isLive() ? `the last ${timeText(span())}, following`
    : viewText(its.view) + (its.isPaused ? ", paused" : "");
  const counts = [`${countText(store.count)} events are kept`,
    store.forgotten && `${countText(store.forgotten)} older ones are forgotten`,
    its.skipped && `${countText(its.skipped)} came since`].filter(Boolean).join(", ");
  return html`
    <div class="tools">
      ${!isRecording && html`<button aria-pressed=${its.isPaused} aria-keyshortcuts="Space"
        onClick=${() => pause(!its.isPaused)}>Pause</button>
      <button aria-pressed=${isLive()} aria-keyshortcuts="l" onClick=${goLive}>Follow</button>`}
      <button aria-keyshortcuts="+" onClick=${keys["+"]}>Zoom in</button>
      <button aria-keyshortcuts="-" onClick=${keys["-"]}>Zoom out</button>
      <button aria-keyshortcuts="f" onClick=${fit}>Show all</button>
      ${!isRecording && html`<${DmaButton} isOn=${isDma} set=${setDma} />`}
    </div>
    <p class="range mono">${range} <span class="quiet">${counts}</span></p>
    ${store.gaps.slice(-3).map((gap) => html`<p class="refusal" role="status">
      ${gap.count ? `${countText(gap.count)} events` : "Events"} ${gap.why}, after ${gap.time.toFixed(6)} s.</p>`)}
    ${its.connection === "broken" && html`<p class="refusal" role="status">The connection is broken; trying again.</p>`}
    ${its.connection === "ended" && html`<p role="status">The program has ended.</p>`}
    <p class="words mono" data-testid="words">${words}</p>
    <${Line} its=${line} label="Event" describedBy="timeline-keys timeline-rates" draw=${draw} keys=${keys}
      now=${Math.round(1000 * Math.min(1, Math.max(0, place)))} words=${hover ? undefined : words} wheel=${wheel}
      height=${heightOf(width(), store.tracks.length)}
      hover=${(x, y) => setHover(x === undefined ? null : itemAt(x, y))}
      click=${(x, y) => select(itemAt(x, y))} grab=${() => its.view}
      drag=${(view, by) => shift(view.first - its.view.first + by / width() * span())} />
    <p class="unseen" id="timeline-rates">${isLive() ? "" : ratesText(totals, its.view)}</p>
    ${its.selected && html`<${EventFields} item=${its.selected} />`}
    ${its.selected && isRecording && html`<p class="tools">
      <button onClick=${() => moveRecording(its.selected.number)}>Show the machine after this event</button></p>`}
    <p id="timeline-keys" class="quiet">Left and right select the previous and the next event of a track, up and down
      another track. + and - zoom, Page Up and Page Down move, Home and End go to the oldest and the newest event, f
      shows all, space pauses, l follows what happens.</p>
    <ul class="legend" aria-label="Legend">${legend.map(([kind, text]) => html`
      <li><i class=${`swatch ${kind}`}></i> ${text}</li>`)}</ul>`;
}

const legend = [
  ["call", "call"], ["errno", "refused call (full height)"], ["map", "map (upper half)"],
  ["unmap", "unmap (lower half)"], ["w", "DMA that writes"], ["r", "DMA that reads"],
  ["request", "page request until its response"], ["irq", "interrupt"], ["fault", "fault"],
  ["tick", "doorbell, invalidation, another event"], ["reserved", "events are missing"],
];
