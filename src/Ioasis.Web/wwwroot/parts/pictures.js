// The pictures of the discussion from which iommufd came, with the numbers of the machine as it is. What the machine
// does not have yet, or no more, is dashed.
import { html } from "../html.js";
import { Diagram } from "./diagram.js";

const open = "not there";
const or = (value, words, without = open) => (value === null || value === undefined ? without : words(value));
const once = (lines) => [...new Set(lines)];

/** Shared virtual addressing for a guest: its processes' tables above, what the host makes of them below. */
function Sva(p) {
  const [a] = p.processes;
  const isBound = a.hwpt !== null;
  const rows = [
    { boxes: [
      { id: "viommu", title: "vIOMMU", on: isBound,
        lines: once(p.processes.map((one) => or(one.pasid, (pasid) => `PASID ${pasid}: process ${one.name}`))) },
      { id: "tables", title: "Tables of the guest's processes, first level only", weight: 2, on: a.cr3 !== null,
        lines: p.processes.flatMap((one) => (one.cr3 === null ? [`${one.name}: ${open}`] : [
          `${one.name}: CR3 ${one.cr3}`, `   GVA ${p.pointer}: PTE ${one.pte}`])) }] },
    { border: ["guest", "host"], boxes: [
      { id: "piommu", title: `pIOMMU ${p.unit ?? ""}`, on: isBound,
        lines: once([or(p.device, (device) => `DSA ${device}`), ...p.processes.map((one) => or(one.pasid, (pasid) =>
          (one.attached ? `PASID ${pasid}: HWPT ${one.hwpt}` : `PASID ${pasid}: detached`)))]) },
      { id: "first", title: "First stage: GVA to GPA", weight: 2, on: isBound,
        lines: once(p.processes.map((one) => or(one.hwpt, (hwpt) => `HWPT ${hwpt}: ${p.pointer} -> ${one.gpa}`))) }] },
    { boxes: [
      { id: "faults", title: or(p.faults, (id) => `Fault queue ${id}`, "Fault queue"), on: p.request !== null,
        lines: [p.request ?? "no page request yet"] },
      { id: "second", title: "Second stage: GPA to memory", weight: 2, on: p.parent !== null && p.parent !== undefined,
        lines: p.parent === null || p.parent === undefined ? [open]
          : [`HWPT ${p.parent} over IOAS ${p.ioas}`, `GPA 0x0-${p.guestLast} -> HVA ${p.memory}`] }] },
  ];
  const edges = [
    { from: "viommu", to: "piommu", on: p.invalidated !== null,
      label: p.invalidated ? `HWPT_INVALIDATE ${p.invalidated}` : "HWPT_INVALIDATE" },
    { from: "tables", to: "first", label: "CR3, in GPA", on: isBound },
    { from: "piommu", to: "first", on: isBound },
    { from: "piommu", to: "faults", label: "page requests", on: p.request !== null },
    { from: "first", to: "second", label: "nested", on: isBound },
  ];
  return [rows, edges, p.stale ? `Kept, though memory says otherwise: ${p.stale}` : null];
}

function Nested(p) {
  const rows = [
    { boxes: [
      { id: "table", title: "The guest's page table", on: p.root !== null, lines: [
        or(p.root, (root) => `root at GPA ${root}`), `IOVA ${p.iova}`, or(p.leaf, (leaf) => `leaf ${leaf}`)] }] },
    { border: ["guest", "host"], boxes: [
      { id: "device", title: `Device behind ${p.unit ?? "the unit"}`, on: p.nested !== null,
        lines: [p.device ?? open] },
      { id: "first", title: "First stage: IOVA to GPA", weight: 2, on: p.nested !== null && p.nested !== undefined,
        lines: [or(p.nested, (id) => `nested HWPT ${id}`)] }] },
    { boxes: [
      { id: "faults", title: or(p.faults, (id) => `Fault queue ${id}`, "Fault queue"), on: p.request !== null,
        lines: [p.request ?? "no page request yet"] },
      { id: "second", title: "Second stage: GPA to memory", weight: 2, on: p.parent !== null && p.parent !== undefined,
        lines: p.parent === null || p.parent === undefined ? [open]
          : [`HWPT ${p.parent} over IOAS ${p.ioas}`, `GPA 0x0-${p.guestLast} -> HVA ${p.memory}`] }] },
  ];
  const edges = [
    { from: "table", to: "first", on: p.nested !== null && p.nested !== undefined,
      label: p.invalidated ? `HWPT_INVALIDATE ${p.invalidated}` : "root, in GPA" },
    { from: "device", to: "first", on: p.nested !== null && p.nested !== undefined },
    { from: "device", to: "faults", label: "page requests", on: p.request !== null },
    { from: "first", to: "second", label: "nested", on: p.nested !== null && p.nested !== undefined },
  ];
  return [rows, edges];
}

const hwptLine = (one) => or(one.hwpt, (id) => `by HWPT ${id}`);
const devLine = (one) => or(one.devid, (id) => `device ${id} of the context`);

/** Who uses the address spaces of one /dev/iommu. */
function Consumers(p) {
  const users = [];
  if (p.function) {
    users.push({ id: "function", title: "VFIO device", on: p.function.hwpt !== null, lines: once([
      p.function.address ?? open, p.function.node ?? "", devLine(p.function), hwptLine(p.function)]).filter(Boolean) });
  }
  if (p.mdev) {
    users.push({ id: "mdev", title: "mdev", on: p.mdev.hwpt !== null, lines: [
      `${p.mdev.type} of ${p.mdev.parent}`, ...once([p.mdev.uuid ?? open, p.mdev.node ?? "", devLine(p.mdev),
        hwptLine(p.mdev)])].filter(Boolean) });
  }
  if (p.vdpa) {
    const isAlone = !p.mdev;
    users.push({ id: "vdpa", title: "vDPA device", on: isAlone ? p.vdpa.runs : p.vdpa.hwpt !== null, lines: [
      p.vdpa.name, ...once([p.vdpa.node ?? open, ...(isAlone ? [p.vdpa.runs ? "DRIVER_OK" : "does not run"]
        : [devLine(p.vdpa), hwptLine(p.vdpa)])]), p.vdpa.answer ? `says "${p.vdpa.answer}"` : ""].filter(Boolean) });
  }
  const maps = [p.maps, p.vdpa?.rings, p.vdpa?.data].filter(Boolean);
  const space = p.mdev || p.function
    ? { id: "ioas", title: or(p.ioas, (id) => `IOAS ${id} of /dev/iommu`, "IOAS of /dev/iommu"), on: p.ioas !== null }
    : { id: "ioas", title: "IOTLB of the node, address space 0", on: maps.some((one) => one.mapped) };
  space.lines = maps.length
    ? maps.map((one) => `IOVA ${one.iova} ${one.mapped ? `-> HVA ${one.address}` : "is not mapped"}`) : ["empty"];
  const memory = { id: "memory", title: "Memory of the program", on: maps.some((one) => one.mapped),
    lines: maps.length ? maps.map((one) => `HVA ${one.address}`) : [open] };
  return [
    [{ boxes: users }, { boxes: [space] }, { boxes: [memory] }],
    [...users.map((one) => ({ from: one.id, to: "ioas", on: one.on })),
      { from: "ioas", to: "memory", on: memory.on }]];
}

function Dma(p) {
  const isAttached = p.hwpt !== null && p.hwpt !== undefined;
  return [
    [
      { boxes: [{ id: "device", title: `Device behind ${p.unit ?? "the unit"}`, on: isAttached, lines: [
        p.device ?? open, devLine(p),
        p.dma ? `last access: IOVA ${p.dma.iova}, ${p.dma.verdict}` : "no access yet"] }] },
      { boxes: [{ id: "hwpt", title: or(p.hwpt, (id) => `HWPT ${id}`, "HWPT"), on: isAttached,
        lines: ["the unit's page table"] }] },
      { boxes: [{ id: "ioas", title: or(p.ioas, (id) => `IOAS ${id}`, "IOAS"),
        on: p.ioas !== null && p.ioas !== undefined,
        lines: p.maps.map((one) => `IOVA ${one.iova} ${one.mapped ? one.access : "is not mapped"}`) }] },
      { boxes: p.maps.map((one, i) => ({ id: `memory${i}`, title: "Page of the program", on: one.mapped,
        lines: [or(one.address, (address) => `HVA ${address}`)] })) },
    ],
    [{ from: "device", to: "hwpt", on: isAttached, label: "requests" }, { from: "hwpt", to: "ioas", on: isAttached },
      ...p.maps.map((one, i) => ({ from: "ioas", to: `memory${i}`, on: one.mapped,
        label: one.mapped ? `${one.iova}, ${one.access}` : "" }))],
  ];
}

const kinds = { sva: Sva, nested: Nested, consumers: Consumers, dma: Dma };

/** The picture of a lesson, with the numbers that its steps have made so far. */
export function Picture({ numbers }) {
  const [rows, edges, note] = kinds[numbers.kind](numbers);
  const words = rows.flatMap((row) => row.boxes.map((one) => `${one.title}: ${one.lines.join(", ")}`)).join(". ");
  return html`
    <figure class="picture">
      <${Diagram} words=${words} rows=${rows} edges=${edges} />
      ${note ? html`<figcaption>${note}</figcaption>` : null}
    </figure>`;
}
