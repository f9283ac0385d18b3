// Rates from totals that are told now and then. Pure.
const most = 20_000;

/** Totals by name over time; `rates` gives how fast one grew. */
export class Totals {
  #samples = []; // {time, totals}

  get last() { return this.#samples.at(-1); }

  /** Takes an event of api/changes. */
  take(change) {
    const totals = { ...change.counts };
    for (const name of ["dmaBytes", "iotlbMisses"]) if (change[name] !== undefined) totals[name] = Number(change[name]);
    // Totals begin anew with each subscription; a recording can go back.
    const last = this.last;
    if (last && (change.time < last.time || Object.keys(totals).some((name) => totals[name] < last.totals[name])))
      this.#samples = [];
    this.#samples.push({ time: change.time, totals });
    if (this.#samples.length > most) this.#samples = this.#samples.slice(most / 10);
  }

  has(name) {
    return this.last?.totals[name] !== undefined;
  }

  /** How much a total grew in each of `bins` parts of [first, last], per second. Null where it is not known. */
  rates(name, first, last, bins) {
    const width = (last - first) / bins;
    const samples = this.#samples;
    let at = 0;
    const total = (time) => {
      while (at + 1 < samples.length && samples[at + 1].time <= time) at++;
      const a = samples[at];
      const b = samples[at + 1];
      if (!a || time < a.time || !(name in a.totals)) return null;
      if (!b) return a.totals[name];
      return a.totals[name] + (b.totals[name] - a.totals[name]) * (time - a.time) / (b.time - a.time);
    };
    const found = [];
    let before = total(first);
    for (let i = 1; i <= bins; i++) {
      const now = total(first + width * i);
      found.push(before === null || now === null ? null : (now - before) / width);
      before = now;
    }
    return found;
  }
}
