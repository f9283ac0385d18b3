// What happened when: calls, DMA, page requests, interrupts and faults as tracks, rates as curves.
import { html, useEffect, useRef, useState } from "../html.js";
import { follow } from "../api.js";
import { countText } from "../parts/addresses.js";
import { placeIn, useCanvas } from "../parts/canvas.js";
import { EventStore } from "../parts/event-store.js";
import { eventText, timeText } from "../parts/event-words.js";
import { EventFields } from "../parts/event-fields.js";
import { useMachine } from "../parts/machine.js";
import { Playback } from "../parts/playback.js";
import { Totals } from "../parts/rates.js";
import { drawTimeline, heightOf, ratesText, trackAt, viewText } from "../parts/timeline-draw.js";

const shortest = 1e-6;
const longest = 1e6;
const keysHelp = "Left and right select the previous and the next event of a track, up and down another track. "
  + "+ and - zoom, Page Up and Page Down move, Home and End go to the oldest and the newest event, f shows all, "
  + "space pauses, l follows what happens.";

export function Timeline({ about }) {
  const { changes } = useMachine();
  const [, redraw] = useState(0);
  const [isPaused, setPaused] = useState(false);
  const [isDma, setDma] = useState(false);
  const [hover, setHover] = useState(null);
  const kept = useRef(null);
  kept.current ??= {
    store: new EventStore(), totals: new Totals(), view: { first: 0, last: 10 }, follows: true, selected: null,
    clock: null, connection: "", skipped: 0,
  };
  const its = kept.current;
  const isRecording = about?.kind === "recording";
  // The program's clock now: events tell it, and between them it goes on as ours does.
  const now = () => (its.clock === null ? 0 : isRecording ? its.store.newest
    : Math.max(its.store.newest, performance.now() / 1000 + its.clock));
  const { canvas, schedule } = useCanvas((context, width, height, colours) => {
    if (its.follows && !its.isPaused) moveTo(now() + span() * .02);
    drawTimeline(context, width, height, { ...its, now: its.isPaused ? its.store.newest : now() }, colours);
  });
  const span = () => its.view.last - its.view.first;
  const moveTo = (last) => { its.view = { first: last - span(), last }; };
  const width = () => canvas.current?.clientWidth || 1;
  const show = () => {
    schedule();
    redraw((n) => n + 1);
  };
  its.isPaused = isPaused;

  const tell = (time) => {
    const ahead = time - performance.now() / 1000;
    its.clock = its.clock === null ? ahead : Math.max(its.clock, ahead);
  };
  const take = (events) => {
    const timed = events.findLast((e) => e.time !== undefined);
    if (timed) tell(timed.time);
    if (its.isPaused) its.skipped += events.length;
    else its.store.take(events);
    show();
  };
  useEffect(() => {
    const stop = new AbortController();
    follow("events", {}, take, {
      signal: stop.signal,
      state: (connection) => {
        if (connection === "open" && its.connection === "broken")
          its.store.gap(0, "may be missing: the connection broke");
        its.connection = connection;
        redraw((n) => n + 1);
      },
    });
    return () => stop.abort();
  }, []);
  useEffect(() => {
    if (!isDma) return undefined;
    const stop = new AbortController();
    follow("events", { kinds: "dma" }, take, { signal: stop.signal });
    return () => stop.abort();
  }, [isDma]);
  useEffect(() => {
    if (!changes) return;
    tell(changes.time);
    its.totals.take(changes);
    schedule();
  }, [changes]);
  useEffect(() => {
    if (isPaused || isRecording) return undefined;
    const pace = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 50;
    const timer = setInterval(() => its.follows && schedule(), pace);
    return () => clearInterval(timer);
  }, [isPaused, isRecording]);
  const pause = (wanted) => {
    if (!wanted && its.skipped) {
      its.store.gap(its.skipped, "came while the timeline was paused");
      its.skipped = 0;
    }
    setPaused(wanted);
    show();
  };

  const look = (first, last) => {
    const size = Math.min(longest, Math.max(shortest, last - first));
    const middle = (first + last) / 2;
    its.view = { first: middle - size / 2, last: middle + size / 2 };
    its.follows = false;
    show();
  };
  const zoomBy = (factor, at) => {
    if (its.follows) {
      // The newest stays at the right.
      const size = Math.min(longest, Math.max(shortest, span() * factor));
      its.view = { first: its.view.last - size, last: its.view.last };
      return show();
    }
    const middle = at ?? (its.selected && its.selected.begin >= its.view.first && its.selected.begin <= its.view.last
      ? its.selected.begin : (its.view.first + its.view.last) / 2);
    look(middle - (middle - its.view.first) * factor, middle + (its.view.last - middle) * factor);
  };
  const goLive = () => {
    its.follows = true;
    pause(false);
  };
  const fit = () => {
    const room = Math.max(shortest, (its.store.newest - its.store.oldest) / 50);
    look(its.store.oldest - room, its.store.newest + room);
  };
  const select = (item) => {
    its.selected = item;
    its.follows = false;
    if (item && (item.begin < its.view.first || item.begin > its.view.last)) moveTo(item.begin + span() / 2);
    show();
  };
  const step = (by) => {
    const tracks = its.store.tracks.filter((t) => t.length);
    const track = its.selected?.track ?? tracks[0];
    if (!track?.length) return;
    const known = its.selected ? track.nearest(its.selected.end) : null;
    let at = known?.index ?? track.length - 1;
    // Of several at one time, the one that is selected.
    while (its.selected && at > 0 && track.at(at) !== its.selected && track.at(at).end >= its.selected.end) at--;
    while (its.selected && at + 1 < track.length && track.at(at) !== its.selected
      && track.at(at).end <= its.selected.end) at++;
    select(track.at(Math.max(0, Math.min(track.length - 1, its.selected ? at + by : at))));
  };
  const stepTrack = (by) => {
    const tracks = its.store.tracks.filter((t) => t.length);
    if (!tracks.length) return;
    const at = tracks.indexOf(its.selected?.track);
    const track = tracks[Math.max(0, Math.min(tracks.length - 1, at < 0 ? 0 : at + by))];
    select(track.nearest(its.selected?.begin ?? its.view.last)?.item);
  };
  const keys = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    ArrowUp: () => stepTrack(-1),
    ArrowDown: () => stepTrack(1),
    PageUp: () => look(its.view.first - span() * .75, its.view.last - span() * .75),
    PageDown: () => look(its.view.first + span() * .75, its.view.last + span() * .75),
    Home: () => look(its.store.oldest - span() / 20, its.store.oldest + span() * .95),
    End: () => look(its.store.newest - span() * .95, its.store.newest + span() / 20),
    "+": () => zoomBy(2 / 3),
    "=": () => zoomBy(2 / 3),
    "-": () => zoomBy(3 / 2),
    " ": () => pause(!isPaused),
    f: fit,
    l: goLive,
  };
  const press = (e) => {
    const act = e.ctrlKey || e.altKey || e.metaKey ? null : keys[e.key];
    if (!act) return;
    e.preventDefault();
    act();
  };

  const timeAt = (x) => its.view.first + x / width() * span();
  const itemAt = ({ x, y }) => {
    const near = its.store.tracks[trackAt(y, width())]?.nearest(timeAt(x));
    return near && near.far / span() * width() < 8 ? near.item : null;
  };
  const drag = useRef(null);
  const down = (e) => {
    if (e.button) return;
    canvas.current.setPointerCapture(e.pointerId);
    drag.current = { x: e.clientX, view: its.view, isMoved: false };
  };
  const over = (e) => {
    const held = drag.current;
    if (!held) return setHover(itemAt(placeIn(canvas.current, e)));
    if (Math.abs(e.clientX - held.x) > 3) held.isMoved = true;
    const by = (held.x - e.clientX) / width() * (held.view.last - held.view.first);
    if (held.isMoved) look(held.view.first + by, held.view.last + by);
  };
  const up = (e) => {
    if (drag.current && !drag.current.isMoved) select(itemAt(placeIn(canvas.current, e)));
    drag.current = null;
  };
  useEffect(() => {
    const element = canvas.current;
    const wheel = (e) => {
      e.preventDefault();
      if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
        const by = e.deltaX / width() * span();
        look(its.view.first + by, its.view.last + by);
      } else if (e.deltaY) zoomBy(e.deltaY < 0 ? .8 : 1.25, timeAt(placeIn(element, e).x));
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, []);

  const shown = hover ?? its.selected;
  const words = shown ? `${shown.begin.toFixed(6)} s, ${shown.track.title}: ${eventText(shown)}`
    : "Nothing is selected.";
  const extent = its.store.newest - its.store.oldest || 1;
  const place = ((its.selected?.begin ?? its.view.last) - its.store.oldest) / extent;
  const gaps = its.store.gaps.slice(-3);
  return html`
    <h2>Timeline</h2>
    ${isRecording && html`<${Playback} />`}
    <div class="tools">
      ${!isRecording && html`<button aria-pressed=${isPaused} aria-keyshortcuts="Space"
        onClick=${() => pause(!isPaused)}>Pause</button>
      <button aria-pressed=${its.follows && !isPaused} aria-keyshortcuts="l" onClick=${goLive}>Follow</button>`}
      <button aria-keyshortcuts="+" onClick=${() => zoomBy(2 / 3)}>Zoom in</button>
      <button aria-keyshortcuts="-" onClick=${() => zoomBy(3 / 2)}>Zoom out</button>
      <button aria-keyshortcuts="f" onClick=${fit}>Show all</button>
      ${!isRecording && html`<button aria-pressed=${isDma} onClick=${() => setDma(!isDma)}
        title="The devices are slower while it is on: no access is served by an IOTLB">DMA, live (slower)</button>`}
    </div>
    <p class="range mono">${viewText(its.view)}${isPaused ? ", paused" : its.follows ? ", following" : ""}
      ${" "}<span class="quiet">${countText(its.store.count)} events are kept${its.store.forgotten
        ? `, ${countText(its.store.forgotten)} older ones are forgotten` : ""}${its.skipped
        ? `, ${countText(its.skipped)} came since` : ""}</span></p>
    ${gaps.map((gap) => html`<p class="refusal" role="status">${gap.count ? `${countText(gap.count)} events` : "Events"}
      ${" "}${gap.why}, after ${gap.time.toFixed(6)} s.</p>`)}
    ${its.connection === "broken" && html`<p class="refusal" role="status">The connection is broken; trying again.</p>`}
    ${its.connection === "ended" && html`<p role="status">The program has ended.</p>`}
    <p class="words mono" data-testid="words">${words}</p>
    <div class="line" onKeyDown=${press}>
      <canvas ref=${canvas} tabindex="0" role="slider" aria-label="Event" aria-valuemin="0" aria-valuemax="1000"
        aria-valuenow=${Math.round(1000 * Math.min(1, Math.max(0, place)))}
        aria-valuetext=${hover ? undefined : words} aria-describedby="timeline-keys timeline-rates"
        style=${{ height: `${heightOf(width(), its.store.tracks.length)}px` }}
        onPointerDown=${down} onPointerMove=${over} onPointerUp=${up} onPointerLeave=${() => setHover(null)}></canvas>
    </div>
    <p class="unseen" id="timeline-rates">${its.follows && !isPaused ? "" : ratesText(its.totals, its.view)}</p>
    ${its.selected && html`<${EventFields} item=${its.selected} />`}
    <p id="timeline-keys" class="quiet">${keysHelp}</p>
    <${Legend} />`;
}

function Legend() {
  return html`<ul class="legend" aria-label="Legend">
    <li><i class="swatch call"></i> call</li>
    <li><i class="swatch errno"></i> refused call (full height)</li>
    <li><i class="swatch map"></i> map (upper half)</li>
    <li><i class="swatch unmap"></i> unmap (lower half)</li>
    <li><i class="swatch w"></i> DMA that writes</li>
    <li><i class="swatch r"></i> DMA that reads</li>
    <li><i class="swatch request"></i> page request until its response</li>
    <li><i class="mark">▼</i> interrupt</li>
    <li><i class="mark refusal">✕</i> fault</li>
    <li><i class="swatch tick"></i> doorbell, invalidation, another event</li>
    <li><i class="swatch reserved"></i> events are missing</li>
  </ul>`;
}
