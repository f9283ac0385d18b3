// The events of a timeline, in tracks. Pure: nothing here asks or draws.
const most = 50_000;
const mostTracks = 64; // a canvas has an end; what is more goes to "others"

// Which track an event is in: the order of the kinds is the order on the screen.
const kinds = [
  ["call", "calls"],
  ["map", "maps"],
  ["invalidate", "invalidations"],
  ["doorbell", "doorbells"],
  ["dma", "DMA"],
  ["page_request", "page requests"],
  ["irq", "interrupts"],
  ["io_page_fault", "faults"],
  ["other", "other events"],
];
const kindOf = {
  call: "call", map: "map", unmap: "map", invalidate: "invalidate", doorbell: "doorbell", dma: "dma", irq: "irq",
  page_request: "page_request", page_response: "page_request", io_page_fault: "io_page_fault",
};

/** One line of the timeline: its items in the order in which they came. */
class Track {
  constructor(key, title, order) {
    Object.assign(this, { key, title, order, items: [], from: 0 });
  }

  get length() { return this.items.length - this.from; }

  at(i) { return this.items[this.from + i]; }

  shift() {
    this.items[this.from++] = undefined;
    if (this.from > 1024 && this.from * 2 > this.items.length) {
      this.items = this.items.slice(this.from);
      this.from = 0;
    }
  }

  /** The index of an item, or of the oldest if it is forgotten. */
  indexOf(item) { return Math.max(0, this.items.lastIndexOf(item) - this.from); }

  /** The index of the first item that ends at a time or after it. */
  indexAt(time) {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at(middle).end < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The item nearest to a time; null if there is none. */
  nearest(time) {
    const at = this.indexAt(time);
    let best = null;
    for (let i = Math.max(0, at - 1); i < Math.min(this.length, at + 2); i++) {
      const item = this.at(i);
      const far = item.begin <= time && time <= item.end ? 0
        : Math.min(Math.abs(item.begin - time), Math.abs(item.end - time));
      if (!best || far < best.far) best = { far, item, index: i };
    }
    return best;
  }
}

/** The newest events, at most 50,000, and the gaps between them. */
export class EventStore {
  #tracks = new Map();
  #order = []; // of each event that is kept, its track
  #from = 0;
  #open = new Map(); // page requests that are not answered
  #sorted = null;
  gaps = []; // {time, count, why}
  newest = 0;
  taken = 0; // events, with those that have no track
  forgotten = 0;

  constructor(limit = most) {
    this.limit = limit;
  }

  get count() { return this.#order.length - this.#from; }

  /** The time of the oldest event that is kept. */
  get oldest() {
    let time = Infinity;
    for (const track of this.#tracks.values()) if (track.length) time = Math.min(time, track.at(0).begin);
    return time === Infinity ? 0 : time;
  }

  get tracks() {
    this.#sorted ??= [...this.#tracks.values()].sort((a, b) => a.order - b.order || (a.title < b.title ? -1 : 1));
    return this.#sorted;
  }

  /** Takes events of a stream. */
  take(events) {
    for (const e of events) {
      this.taken++;
      if (e.event === "lost") this.gap(e.count, "were lost, as the page or the supervisor was too slow");
      else if (e.time !== undefined && kindOf[e.event] !== undefined) this.#add(e, kindOf[e.event]);
      else if (e.time !== undefined && e.event !== "changes") this.#add(e, "other");
    }
  }

  /** Notes that events are missing here. */
  gap(count, why) {
    const last = this.gaps.at(-1);
    if (last && last.time === this.newest && last.why === why) last.count += count;
    else this.gaps.push({ time: this.newest, count, why });
    if (this.gaps.length > 100) this.gaps.shift();
  }

  #add(e, kind) {
    const owner = kind === "call" ? (e.thread === undefined ? "" : `thread ${e.thread}`) : e.device ?? "";
    const track = this.#trackOf(kind, kind === "map" || kind === "invalidate" || kind === "other" ? "" : owner);
    const begin = kind === "call" ? e.time - (e.took ?? 0) : e.time;
    const item = { begin, end: e.time, event: e, track, number: this.taken, isRefused: e.errno !== undefined };
    this.newest = Math.max(this.newest, e.time);
    if (e.event === "page_request" || e.event === "page_response") this.#pair(item, e);
    track.items.push(item);
    this.#order.push(track);
    while (this.count > this.limit) this.#forget();
  }

  // A request lasts until the response of its group.
  #pair(item, e) {
    const group = `${e.device} ${e.pasid} ${e.group}`;
    if (e.event === "page_request") {
      const waiting = this.#open.get(group) ?? [];
      waiting.push(item);
      this.#open.set(group, waiting);
      item.isOpen = true;
      if (this.#open.size > 1000) this.#open.delete(this.#open.keys().next().value);
      return;
    }
    for (const request of this.#open.get(group) ?? []) {
      request.isOpen = false;
      request.answered = e.time;
      request.response = e.response;
    }
    this.#open.delete(group);
  }

  #trackOf(kind, owner) {
    let key = `${kind} ${owner}`;
    let track = this.#tracks.get(key);
    if (track) return track;
    const order = kinds.findIndex(([name]) => name === kind);
    const words = kinds[order][1];
    if (this.#tracks.size >= mostTracks) {
      key = `${kind} of others`;
      track = this.#tracks.get(key);
      if (track) return track;
      owner = "others";
    }
    track = new Track(key, owner ? `${owner}: ${words}` : words, order);
    this.#tracks.set(key, track);
    this.#sorted = null;
    return track;
  }

  #forget() {
    this.#order[this.#from++].shift();
    this.forgotten++;
    if (this.#from > 4096) {
      this.#order = this.#order.slice(this.#from);
      this.#from = 0;
    }
  }
}
