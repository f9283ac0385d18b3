// The I/O address spaces of a state, and what lies where in one. Pure: nothing here asks or draws.
import { countText, gaps, hex, indexAt, least, limitOf, most, sizeOf, sizeText } from "./addresses.js";

const accessWords = { r: "read", w: "write", rw: "read and write", "-": "nothing" };
export const accessText = (access) => accessWords[access] ?? access;

/** What devices may do to a run; of several maps, what they may do to any. */
export const runAccessText = (run) => accessText(run.access) + (run.isMixed ? " (not to all of it)" : "");

const rangeOf = ({ first, last }) => ({ first: BigInt(first), last: BigInt(last) });

/** All IOAS, with their reserved windows, the devices that use them and the HWPTs that track dirty pages. */
export function spacesOf(state) {
  const found = [];
  for (const one of state?.contexts ?? []) {
    for (const ioas of one.objects.filter((o) => o.kind === "ioas")) {
      const ranges = (ioas.iovaRanges ?? []).map(rangeOf);
      const limit = limitOf(ranges);
      const hwpts = one.objects.filter((o) => o.kind === "hwpt_paging" && o.ioas === ioas.id);
      const users = [];
      for (const device of state.devices) {
        for (const a of device.attachments) {
          if (a.context === one.context && hwpts.some((h) => h.id === a.hwpt))
            users.push({ device: device.device, pasid: a.pasid });
        }
      }
      for (const mdev of state.mdevs ?? []) {
        if (mdev.context === one.context && mdev.ioas === ioas.id) users.push({ device: mdev.mdev });
        for (const a of mdev.attachments) {
          if (a.context === one.context && hwpts.some((h) => h.id === a.hwpt))
            users.push({ device: mdev.mdev, pasid: a.pasid });
        }
      }
      found.push({
        context: one.context, ioas: ioas.id, path: one.path, process: one.process, limit, users,
        reserved: gaps(ranges, limit), count: ioas.mapCount ?? 0, bytes: BigInt(ioas.mappedBytes ?? 0),
        tracking: hwpts.filter((h) => h.flags?.includes("dirty_tracking")).map((h) => h.id),
      });
    }
  }
  return found;
}

/** An answer of api/maps or api/dirty with its addresses as BigInt. */
export function runsOf(answer) {
  return answer.runs.map((run) => ({ ...run, ...rangeOf(run), bytes: BigInt(run.bytes ?? 0) }));
}

/**
 * What is at an address. `known` is {first, last, runs}: the part of the space that was asked about; `whole` the same
 * of all of it, with less detail.
 * {kind: "reserved" | "map" | "maps" | "free" | "unknown", first, last, run, isCut}.
 */
export function placeAt(address, known, space, whole) {
  const reserved = space.reserved.find((r) => r.first <= address && address <= r.last);
  if (reserved) return { kind: "reserved", ...reserved };
  if (!known || address < known.first || address > known.last)
    return { kind: "unknown", first: address, last: address };
  const at = indexAt(known.runs, address);
  const run = known.runs[at];
  if (run && run.first <= address)
    return { kind: run.maps === 1 ? "map" : "maps", first: run.first, last: run.last, run };
  let first = at > 0 ? known.runs[at - 1].last + 1n : known.first;
  let last = run ? run.first - 1n : known.last;
  let [isCutBelow, isCutAbove] = [first === known.first && first > 0n, last === known.last && last < space.limit];
  // Where what is known ends, the whole may know how far it is free.
  const beyond = (edge) => {
    const next = indexAt(whole?.runs ?? [], edge);
    return whole && !(whole.runs[next]?.first <= edge) && whole.last === space.limit ? next : null;
  };
  const [below, above] = [isCutBelow ? beyond(first) : null, isCutAbove ? beyond(last) : null];
  if (below !== null) [first, isCutBelow] = [below > 0 ? whole.runs[below - 1].last + 1n : 0n, false];
  if (above !== null) [last, isCutAbove] = [whole.runs[above] ? whole.runs[above].first - 1n : space.limit, false];
  for (const r of space.reserved) {
    if (r.last < address) first = most(first, r.last + 1n);
    else last = least(last, r.first - 1n);
  }
  return { kind: "free", first, last, isCut: isCutBelow || isCutAbove };
}

/** Why a window cannot be mapped. */
export const reservedText = ({ first, last }) => (first <= 0xfee00000n && 0xfeefffffn <= last
  ? "the window of interrupts (MSI)" : "outside what the devices of this space may map");

const rangeText = ({ first, last }) => `${hex(first)}-${hex(last)} (${sizeText(last - first + 1n)})`;

/** A place in words. `exact` is the answer about the address alone: {address, runs}, where a run has several maps. */
export function placeText(address, place, exact) {
  switch (place.kind) {
    case "reserved": return `Reserved ${rangeText(place)}: ${reservedText(place)}.`;
    case "map": return mapText(address, place.run);
    case "maps": {
      const { run } = place;
      const many = `one of ${countText(run.maps)} maps of ${sizeText(run.bytes)} in ${rangeText(place)}`;
      if (exact?.address !== address) return `Near ${many}; zoom in to tell them apart.`;
      return exact.runs.length ? `${mapText(address, exact.runs[0])} It is ${many}.`
        : `Free, between two maps: ${many.replace("one of ", "")}.`;
    }
    case "free": return place.isCut ? `Free, at least ${rangeText(place)}.` : `Free ${rangeText(place)}.`;
    default: return "Not asked yet.";
  }
}

function mapText(address, run) {
  const offset = address - run.first;
  const memory = run.address !== undefined ? ` Memory of the program at ${hex(BigInt(run.address) + offset)}.`
    : run.fileOffset !== undefined ? ` A file at offset ${hex(BigInt(run.fileOffset) + offset)}.` : "";
  return `Map ${rangeText(run)}, devices may ${accessText(run.access)}.${memory}`;
}

/** The memory behind a run's first address, for a table. */
export const memoryText = (run) => (run.maps > 1 ? `${countText(run.maps)} maps`
  : run.address !== undefined ? hex(BigInt(run.address))
    : run.fileOffset !== undefined ? `file + ${hex(BigInt(run.fileOffset))}` : "");

/** The share of a run that is mapped, 0 to 1. */
export const shareOf = (run) => Number(run.bytes) / Number(sizeOf(run));
