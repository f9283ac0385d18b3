// What the server says of an address space: the maps in view and in the whole, dirty pages, DMA.
import { follow, get } from "../api.js";
import { hex, into, sizeOf } from "./addresses.js";
import { Latest } from "./latest.js";
import { runsOf } from "./spaces.js";

const mostDma = 1000;

/** One space's answers. `changed(what)` is called with "maps", "exact", "dirty", "dma" or "failure". */
export class SpaceData {
  known = null; // {first, last, runs}: of the view and as much beside it
  whole = null; // the same of all
  exact = null; // {address, runs}: of one address
  dirty = null; // {first, last, runs}, null where nothing tracks
  dma = null; // the newest accesses, oldest first; null while nobody listens
  connection = "";
  failure = null;
  #stopDma = null;
  #later = null;

  constructor(space, changed) {
    Object.assign(this, { space, changed });
    const { context, ioas } = space;
    const ask = (path, more) => ({ first, last, most }, signal) =>
      get(path, { context, first: hex(first), last: hex(last), most, ...more }, signal);
    const fail = (e) => {
      this.failure = e.message;
      changed("failure");
    };
    const into = (name, event) => (answer, { first, last }) => {
      const runs = runsOf(answer);
      // Where the supervisor had no more time, nothing is known above the last run.
      this[name] = { first, last: answer.isComplete === false ? runs.at(-1)?.last ?? first : last, runs };
      this.failure = null;
      changed(event);
    };
    this.askView = new Latest(ask("maps", { ioas }), into("known", "maps"), fail);
    this.askWhole = new Latest(ask("maps", { ioas }), into("whole", "maps"), fail);
    this.askExact = new Latest(
      ({ address }, signal) => get("maps", { context, ioas, first: hex(address), last: hex(address), most: 1 }, signal),
      (answer, { address }) => {
        this.exact = { address, runs: runsOf(answer) };
        changed("exact");
      });
    const hwpt = space.tracking[0];
    if (hwpt !== undefined) {
      this.dirty = { first: 0n, last: -1n, runs: [] };
      this.askDirty = new Latest(ask("dirty", { hwpt }), (answer, { first, last }) => {
        const pageSize = Number(answer.pageSize);
        const runs = runsOf(answer);
        for (const run of runs) run.share = run.pages * pageSize / Number(sizeOf(run));
        this.dirty = { first, last, runs, count: answer.dirty };
        changed("dirty");
      }, fail);
    }
  }

  /** Asks for the view and half of it at each side, so that there is something to draw while it moves. */
  want(view, width) {
    const half = sizeOf(view) / 2n;
    const { first, last } = into({ first: view.first - half, last: view.last + half }, this.space.limit);
    const question = { first, last, most: Math.max(16, Math.round(width) * 2) };
    this.askView.want(question);
    this.askDirty?.want(question);
  }

  /** Asks again soon, as the maps have changed; in a storm of changes not more often than answers can be made. */
  refresh(viewOf, width) {
    this.#later ??= setTimeout(() => {
      this.#later = null;
      this.want(viewOf(), width);
      this.wantWhole(width);
    }, Math.max(100, 3 * (this.askView.took + this.askWhole.took)));
  }

  wantWhole(width) {
    this.askWhole.want({ first: 0n, last: this.space.limit, most: Math.max(16, Math.round(width)) });
  }

  wantDirty(view, width) {
    this.askDirty?.want({ ...view, most: Math.max(16, Math.round(width)) });
  }

  wantExact(address) {
    if (this.exact?.address !== address) this.askExact.want({ address });
  }

  /** Begins or ends to listen to DMA. */
  listen(isOn) {
    this.#stopDma?.abort();
    this.#stopDma = null;
    this.dma = isOn ? [] : null;
    if (!isOn) return;
    this.#stopDma = new AbortController();
    follow("events", { kinds: "dma" }, (events) => {
      for (const e of events) {
        if (e.event !== "dma" || !this.space.users.some((u) => u.device === e.device && u.pasid === e.pasid)) continue;
        this.dma.push({ iova: BigInt(e.iova), length: e.length, isWrite: e.access === "w" });
      }
      if (this.dma.length > mostDma) this.dma = this.dma.slice(-mostDma);
      this.changed("dma");
    }, { signal: this.#stopDma.signal, state: (connection) => { this.connection = connection; this.changed("dma"); } });
  }

  close() {
    this.#stopDma?.abort();
    clearTimeout(this.#later);
    for (const one of [this.askView, this.askWhole, this.askExact, this.askDirty]) one?.close();
  }
}
