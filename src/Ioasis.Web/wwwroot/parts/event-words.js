// Events in words.
import { countText } from "./addresses.js";

/** A duration with a unit that keeps it short. */
export function timeText(seconds) {
  const size = Math.abs(seconds);
  if (size >= 1 || size === 0) return `${trim(seconds)} s`;
  if (size >= 1e-3) return `${trim(seconds * 1e3)} ms`;
  return `${trim(seconds * 1e6)} µs`;
}

const trim = (n) => String(Number(n.toPrecision(4)));

const pasidOf = (e) => (e.pasid === undefined ? "" : ` PASID ${e.pasid}`);
const whoOf = (e) => (e.device === undefined ? "" : ` of ${e.device}${pasidOf(e)}`);
const may = { r: "read", w: "write", rw: "read and write" };

const sentences = {
  call: (e) => {
    const name = e.call === "ioctl" ? `ioctl(${e.request})` : e.call;
    const end = e.errno === undefined ? `= ${e.result}` : `is refused: ${e.errno}${e.why ? `, ${e.why}` : ""}`;
    return `${name} on ${e.path} ${end}, took ${timeText(e.took ?? 0)}${e.injected ? " (injected)" : ""}`;
  },
  map: (e) => `map ${e.iova}-${e.last}${ioasOf(e)}, devices may ${may[e.access] ?? e.access}`,
  unmap: (e) => `unmap ${e.iova}-${e.last}${ioasOf(e)}`,
  invalidate: (e) => `invalidation of ${countText(e.entries)} ${e.entries === 1 ? "entry" : "entries"}`,
  dma: (e) => `DMA${whoOf(e)}: ${e.access === "w" ? "writes" : "reads"} ${countText(e.length)} bytes at ${e.iova}`,
  page_request: (e) => `page request${whoOf(e)} for ${e.address} (${e.access}), group ${e.group}`,
  page_response: (e) => `page response ${e.response}${whoOf(e)}, group ${e.group}`,
  irq: (e) => `interrupt${whoOf(e)}${e.vector === undefined ? `, line ${e.asserted ? "up" : "down"}`
    : `, vector ${e.vector}`}`,
  doorbell: (e) => `doorbell${whoOf(e)}: ${e.value} to BAR ${e.bar} offset ${e.offset}`,
  io_page_fault: (e) => `fault${whoOf(e)}: ${e.access === "w" ? "write" : "read"} at ${e.iova}, ${e.reason}`,
  reset: (e) => `reset${whoOf(e)}`,
  open: (e) => `process ${e.process} opens ${e.path}`,
  close: (e) => `${e.path} is closed`,
  bind: (e) => `bind${whoOf(e)}`,
  unbind: (e) => `unbind${whoOf(e)}`,
  attach_device_to_domain: (e) => `attach${whoOf(e)} to ${domainOf(e)}`,
  detach_device_from_domain: (e) => `detach${whoOf(e)} from ${domainOf(e)}`,
  inject: (e) => `injected: ${e.fault}${whoOf(e)}`,
};

const ioasOf = (e) => (e.ioas === undefined ? "" : ` in IOAS ${e.ioas} of context ${e.context}`);
const domainOf = (e) => (e.hwpt === undefined ? `the ${e.domain} domain` : `HWPT ${e.hwpt} of context ${e.context}`);

/** What an event says, without its time. */
export function eventText(item) {
  const e = item.event;
  const text = sentences[e.event]?.(e) ?? e.event.replaceAll("_", " ") + whoOf(e);
  if (e.event !== "page_request") return text;
  return text + (item.isOpen ? ", not answered yet"
    : item.answered === undefined ? "" : `, ${item.response} after ${timeText(item.answered - item.begin)}`);
}
