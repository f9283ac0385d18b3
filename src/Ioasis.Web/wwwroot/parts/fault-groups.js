// Faults in groups of a device, a page and a reason. Pure: nothing here asks or draws.
const page = 4096n;
const mostGroups = 5000;

/** A fault of api/faults or of an event, in one form. `time` is null for those that were there before. */
export const faultOf = (one) => ({
  unit: one.unit, device: one.device, pasid: one.pasid ?? null, address: BigInt(one.address ?? one.iova),
  isWrite: one.isWrite ?? one.access === "w", reason: one.reason, code: one.code ?? 0, time: one.time ?? null,
});

const nameOf = (f) => [f.unit, f.device, f.pasid, f.address, f.isWrite, f.reason].join(" ");

/** Groups, newest first in `list()`. */
export class FaultGroups {
  #groups = new Map();
  #early = []; // events that came before the list of earlier faults
  isReady = false; // the faults before the events are known
  count = 0;
  lost = 0;
  dropped = 0;

  /**
   * Takes the faults that the units keep. The events since the subscription began may be among them: each of those
   * counts once.
   */
  begin(kept) {
    const early = new Map();
    for (const f of this.#early) early.set(nameOf(f), [...(early.get(nameOf(f)) ?? []), f]);
    // From the newest: an event is the newest of its like.
    const faults = kept.map(faultOf);
    for (let i = faults.length - 1; i >= 0; i--) {
      const same = early.get(nameOf(faults[i]));
      if (same?.length) faults[i].time = same.pop().time;
    }
    this.isReady = true;
    for (const f of faults) this.#add(f);
    for (const left of early.values()) for (const f of left) this.#add(f);
    this.#early = [];
  }

  /** Takes events of a stream. */
  take(events) {
    for (const e of events) {
      if (e.event === "lost") this.lost += e.count;
      if (e.event !== "io_page_fault") continue;
      if (this.isReady) this.#add(faultOf(e));
      else this.#early.push(faultOf(e));
    }
  }

  list(device) {
    return [...this.#groups.values()].filter((g) => !device || g.device === device).sort((a, b) => b.order - a.order);
  }

  devices() {
    return [...new Set([...this.#groups.values()].map((g) => g.device))].sort();
  }

  #add(fault) {
    this.count++;
    const first = fault.address / page * page;
    const key = [fault.unit, fault.device, fault.pasid, first, fault.reason, fault.isWrite, fault.code].join(" ");
    let group = this.#groups.get(key);
    if (!group) {
      if (this.#groups.size === mostGroups) {
        this.dropped++;
        return;
      }
      this.#groups.set(key, group = { ...fault, key, page: first, count: 0, first: fault.time });
    }
    group.count++;
    group.address = fault.address;
    group.last = fault.time;
    group.order = this.count;
  }
}
