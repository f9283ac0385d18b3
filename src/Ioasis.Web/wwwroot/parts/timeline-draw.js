// Draws a timeline: curves above, below them a lane for each track.
import { countText, sizeText } from "./addresses.js";
import { hatch } from "./line.js";
import { timeText } from "./event-words.js";

const axisHeight = 22;
const curveHeight = 48;
const label = 16;
const laneHeight = 18;
const few = 200; // how many items beyond the view are looked at, as they may reach into it
const rowHeight = label + laneHeight + 4;

/** The curves: the total, its words, and how its rate is written. */
export const curves = [
  ["call", "calls/s", rateText],
  ["map", "maps/s", rateText],
  ["io_page_fault", "faults/s", rateText],
  ["dmaBytes", "DMA bytes/s", (n) => `${sizeText(BigInt(Math.round(n)))}/s`],
  ["iotlbMisses", "IOTLB misses/s", rateText],
];

function rateText(n) {
  return n >= 100 ? countText(Math.round(n)) : n >= 10 || Number.isInteger(n) ? n.toFixed(0) : n.toFixed(1);
}

// On a wide screen the curves are side by side.
const columnsOf = (width) => (width >= 1100 ? 5 : width >= 560 ? 2 : 1);
const curvesHeight = (width) => Math.ceil(curves.length / columnsOf(width)) * (curveHeight + label + 4);

/** The height of the canvas. */
export const heightOf = (width, tracks) => curvesHeight(width) + axisHeight + Math.max(1, tracks) * rowHeight;

/** The index of the track at a height; it may be none. */
export const trackAt = (y, width) => Math.floor((y - curvesHeight(width) - axisHeight) / rowHeight);

/** `what` is {store, totals, view: {first, last}, now, selected, position: of a recording}. */
export function drawTimeline(context, width, height, what, colours) {
  drawCurves(context, width, what, colours);
  const top = curvesHeight(width);
  const marks = drawTime(context, width, top, what, colours);
  const tracks = what.store.tracks;
  tracks.forEach((track, i) => {
    const y = top + axisHeight + i * rowHeight;
    context.textAlign = "left";
    context.fillStyle = colours.quiet;
    context.fillText(track.title, 0, y + label / 2);
    context.fillStyle = colours.panel;
    context.fillRect(0, y + label, width, laneHeight);
    context.fillStyle = colours.line;
    context.globalAlpha = .35;
    for (const x of marks) context.fillRect(x, y + label, 1, laneHeight);
    // What is not yet is hatched.
    const x = (what.now - what.view.first) / (what.view.last - what.view.first) * width;
    if (x < width) hatch(context, Math.max(0, x), y + label, width - Math.max(0, x), laneHeight, colours.line, 12);
    context.globalAlpha = 1;
    drawTrack(context, width, y + label, track, what, colours);
  });
  drawGaps(context, width, height, top + axisHeight, what, colours);
  if (typeof what.position !== "number") return;
  // Where the recording is that all screens show.
  context.fillStyle = colours.accent;
  context.fillRect((what.position - what.view.first) / (what.view.last - what.view.first) * width - 1, top + axisHeight,
    2, height);
}

function drawCurves(context, width, { totals, view }, colours) {
  const columns = columnsOf(width);
  const room = (width - (columns - 1) * 12) / columns;
  curves.forEach(([name, words, text], i) => {
    const x = (i % columns) * (room + 12);
    const y = Math.floor(i / columns) * (curveHeight + label + 4);
    context.textAlign = "left";
    context.fillStyle = colours.panel;
    context.fillRect(x, y + label, room, curveHeight);
    const bins = Math.max(10, Math.floor(room / 3));
    const rates = totals.has(name) ? totals.rates(name, view.first, view.last, bins) : [];
    const known = rates.filter((r) => r !== null);
    const top = Math.max(0, ...known);
    const caption = !totals.has(name) ? "not measured" : known.length ? `at most ${text(top)}` : "not known here";
    context.fillStyle = colours.quiet;
    context.fillText(`${words}: ${caption}`, x, y + label / 2);
    context.fillStyle = name === "io_page_fault" ? colours.refused : colours.accent;
    const floor = y + label + curveHeight;
    rates.forEach((rate, bin) => {
      if (!rate) return;
      const tall = Math.max(1, rate / top * (curveHeight - 2));
      context.fillRect(x + bin * room / bins, floor - tall, room / bins, tall);
    });
    context.fillStyle = colours.line;
    context.fillRect(x, floor - 1, room, 1);
  });
}

/** A round step of 1, 2 or 5 of a power of ten, of which about `count` fit. */
function stepOf(span, count) {
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
}

/** Writes the times above the lanes, and answers where they are. */
function drawTime(context, width, top, { view }, colours) {
  const marks = [];
  const span = view.last - view.first;
  const step = stepOf(span, Math.max(2, width / 140));
  const digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(step))));
  context.textAlign = "center";
  for (let at = Math.ceil(view.first / step) * step; at <= view.last; at += step) {
    const x = (at - view.first) / span * width;
    marks.push(x);
    context.fillStyle = colours.line;
    context.fillRect(x, top + axisHeight - 4, 1, 4);
    context.fillStyle = colours.quiet;
    const text = `${at.toFixed(digits)} s`;
    const half = context.measureText(text).width / 2;
    if (x - half >= 0 && x + half <= width) context.fillText(text, x, top + axisHeight / 2);
  }
  return marks;
}

function drawTrack(context, width, y, track, { view, now, selected }, colours) {
  const scale = width / (view.last - view.first);
  let filled = -1; // to where the lane is covered: more there would not be seen
  let filledRefused = -1;
  // Items are in the order of their ends. A request that is not answered begins long before: a few are looked at.
  let beyond = 0;
  for (let i = Math.max(0, track.indexAt(view.first) - few); i < track.length && beyond < few; i++) {
    const item = track.at(i);
    if (item.begin > view.last) {
      beyond++;
      continue;
    }
    const end = item.isOpen ? now : item.answered ?? item.end;
    if (end < view.first) continue;
    const x = (item.begin - view.first) * scale;
    const right = Math.max(x + 2, (end - view.first) * scale);
    if (item !== selected) {
      if (item.isRefused ? right <= filledRefused + .5 : right <= filled + .5) continue;
      filled = Math.max(filled, right);
      if (item.isRefused) filledRefused = right;
    }
    drawItem(context, item, Math.max(-4, x), Math.min(width + 4, right), y, colours);
    if (item === selected) drawSelected(context, Math.max(-4, x), Math.min(width + 4, right), y, colours);
  }
  // The selected one again, as later ones may cover it.
  if (selected?.track === track && selected.begin <= view.last && selected.end >= view.first) {
    const x = (selected.begin - view.first) * scale;
    drawSelected(context, x, Math.max(x + 2, (selected.end - view.first) * scale), y, colours);
  }
}

function drawItem(context, item, x, right, y, colours) {
  const { event } = item;
  const width = right - x;
  const half = laneHeight / 2;
  switch (event.event) {
    case "call":
      context.fillStyle = item.isRefused ? colours.refused : colours.accent;
      // A refused call is as high as the lane, others are not.
      context.fillRect(x, item.isRefused ? y : y + 5, width, item.isRefused ? laneHeight : laneHeight - 10);
      break;
    case "map":
    case "unmap":
      context.fillStyle = event.event === "map" ? colours.both : colours.quiet;
      context.fillRect(x, event.event === "map" ? y + 1 : y + half, 2, half - 1);
      break;
    case "dma":
      context.fillStyle = event.access === "w" ? colours.write : colours.read;
      context.fillRect(x, event.access === "w" ? y + 1 : y + half, 2, half - 1);
      break;
    case "page_request":
      context.strokeStyle = item.isOpen ? colours.refused : colours.kept;
      context.strokeRect(x + .5, y + 3.5, Math.max(2, width - 1), laneHeight - 7);
      break;
    case "page_response":
      context.fillStyle = event.response === "Success" ? colours.kept : colours.refused;
      context.fillRect(x, y + 1, 2, laneHeight - 2);
      break;
    case "io_page_fault":
      context.strokeStyle = colours.refused;
      context.lineWidth = 2;
      context.beginPath();
      context.moveTo(x - 3, y + 4);
      context.lineTo(x + 4, y + laneHeight - 4);
      context.moveTo(x + 4, y + 4);
      context.lineTo(x - 3, y + laneHeight - 4);
      context.stroke();
      context.lineWidth = 1;
      break;
    case "irq":
      context.fillStyle = colours.kept;
      context.beginPath();
      context.moveTo(x - 3, y + 3);
      context.lineTo(x + 4, y + 3);
      context.lineTo(x + .5, y + laneHeight - 3);
      context.fill();
      break;
    default:
      context.fillStyle = item.isRefused ? colours.refused : colours.text;
      context.fillRect(x, y + 3, 2, laneHeight - 6);
  }
}

function drawSelected(context, x, right, y, colours) {
  context.strokeStyle = colours.text;
  context.lineWidth = 2;
  context.strokeRect(x - 3, y - 1, right - x + 6, laneHeight + 2);
  context.lineWidth = 1;
}

function drawGaps(context, width, height, y, { store, view }, colours) {
  for (const gap of store.gaps) {
    if (gap.time < view.first || gap.time > view.last) continue;
    const x = (gap.time - view.first) / (view.last - view.first) * width;
    hatch(context, x - 3, y, 6, height - y, colours.refused, 4);
  }
}

/** The curves' newest rates in words, for those who do not see them. */
export function ratesText(totals, view) {
  return curves.map(([name, words, text]) => {
    const rate = totals.has(name) ? totals.rates(name, view.first, view.last, 1)[0] : null;
    return `${words} ${totals.has(name) ? (rate === null ? "not known" : text(rate)) : "not measured"}`;
  }).join(", ");
}

/** The view's ends in words. */
export const viewText = (view) =>
  `${view.first.toFixed(6)} s to ${view.last.toFixed(6)} s (${timeText(view.last - view.first)})`;
