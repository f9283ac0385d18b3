// Draws a view of an address space: the whole above, below it the view with maps, DMA and dirty pages.
import { hex, sizeOf, step, toPixel } from "./addresses.js";
import { hatch } from "./line.js";
import { shareOf } from "./spaces.js";

const overview = { y: 1, height: 16 };
const axis = 48;
const lane = { y: 58, height: 64 };
const dmaLane = { y: 142, height: 22 };
const dirtyHeight = 22;

/** The height of the canvas. */
export const heightOf = ({ dma, dirty }) => lane.y + lane.height + (dma ? 42 : 0) + (dirty ? 42 : 0) + 2;

/** Draws a space, what is known of it, and where its line is. */
export function drawSpace(context, width, { space, line: { view, cursor }, data }, colours) {
  const { known, whole, dma, dirty } = data;
  drawOverview(context, width, space, view, whole, colours);
  drawAxis(context, width, view, colours);
  context.fillStyle = colours.panel;
  context.fillRect(0, lane.y, width, lane.height);
  drawUnknown(context, width, view, known, colours);
  drawReserved(context, width, view, space.reserved, lane, colours);
  if (known) drawRuns(context, width, view, known.runs, lane, colours);
  context.strokeStyle = colours.line;
  context.strokeRect(.5, lane.y + .5, width - 1, lane.height - 1);
  let y = dmaLane.y;
  if (dma) {
    caption(context, `DMA, the last ${dma.length}`, y - 9, colours);
    drawDma(context, width, view, dma, { y, height: dmaLane.height }, colours);
    y += 42;
  }
  if (dirty) {
    caption(context, "Dirty pages", y - 9, colours);
    drawDirty(context, width, view, dirty.runs, { y, height: dirtyHeight }, colours);
  }
  const lanes = [lane, ...[dma, dirty].filter(Boolean).map((_, i) => ({ y: dmaLane.y + 42 * i, height: 22 }))];
  drawCursor(context, width, view, cursor, lanes, colours);
}

function caption(context, text, y, colours) {
  context.textAlign = "left";
  context.fillStyle = colours.quiet;
  context.fillText(text, 0, y);
}

function drawOverview(context, width, space, view, whole, colours) {
  const all = { first: 0n, last: space.limit };
  context.fillStyle = colours.panel;
  context.fillRect(0, overview.y, width, overview.height);
  drawReserved(context, width, all, space.reserved, overview, colours);
  if (whole) drawRuns(context, width, all, whole.runs, overview, colours);
  const left = toPixel(view.first, all, width);
  const right = Math.max(left + 2, toPixel(view.last + 1n, all, width));
  context.strokeStyle = colours.text;
  context.lineWidth = 2;
  context.strokeRect(left, overview.y, right - left, overview.height);
  context.lineWidth = 1;
  context.strokeStyle = colours.line;
  context.beginPath();
  for (const [above, below] of [[left, 0], [right, width]]) {
    context.moveTo(above, overview.y + overview.height + 1);
    context.lineTo(below, axis - 10);
  }
  context.stroke();
}

function drawAxis(context, width, view, colours) {
  const label = context.measureText(hex(view.last)).width + 30;
  const one = step(view, Math.max(1, Math.floor(width / label)));
  context.textAlign = "center";
  context.strokeStyle = colours.line;
  context.fillStyle = colours.quiet;
  let free = 0; // where the last label ends
  for (let at = (view.first + one - 1n) / one * one; at <= view.last; at += one) {
    const x = toPixel(at, view, width);
    context.beginPath();
    context.moveTo(x, lane.y - 4);
    context.lineTo(x, lane.y);
    context.stroke();
    const text = hex(at);
    const half = context.measureText(text).width / 2;
    const middle = Math.min(Math.max(x, half), width - half);
    if (middle - half < free) continue;
    context.fillText(text, middle, axis);
    free = middle + half + 8;
  }
}

function drawUnknown(context, width, view, known, colours) {
  const from = known ? toPixel(known.first, view, width) : width;
  const to = known ? toPixel(known.last + 1n, view, width) : width;
  context.globalAlpha = .4;
  if (from > 0) hatch(context, 0, lane.y, Math.min(from, width), lane.height, colours.line, 16);
  if (to < width && to > 0) hatch(context, to, lane.y, width - to, lane.height, colours.line, 16);
  context.globalAlpha = 1;
}

function drawReserved(context, width, view, reserved, { y, height }, colours) {
  for (const one of reserved) {
    if (one.last < view.first || one.first > view.last) continue;
    const x = Math.max(0, toPixel(one.first, view, width));
    const end = Math.min(width, Math.max(x + 3, toPixel(one.last + 1n, view, width)));
    context.fillStyle = colours.ground;
    context.fillRect(x, y, end - x, height);
    hatch(context, x, y, end - x, height, colours.refused, 5);
    context.strokeStyle = colours.refused;
    context.strokeRect(x + .5, y + .5, Math.max(1, end - x - 1), height - 1);
  }
}

// What may be read is the lower half, what may be written the upper: the height tells what the colour tells.
function bandOf(access, { y, height }) {
  const half = Math.floor(height / 2);
  return access === "rw" ? [y + 2, height - 4] : access === "w" ? [y + 2, half - 2] : [y + half, height - half - 2];
}

const colourOf = (access, colours) => (access === "rw" ? colours.both
  : access === "w" ? colours.write : access === "r" ? colours.read : colours.line);

function drawRuns(context, width, view, runs, place, colours) {
  for (const run of runs) {
    if (run.last < view.first) continue;
    if (run.first > view.last) break;
    const x = toPixel(run.first, view, width);
    const end = Math.max(x + 1, toPixel(run.last + 1n, view, width));
    const left = Math.max(-2, x);
    const across = Math.min(width + 2, end) - left;
    const [y, height] = bandOf(run.access, place);
    context.fillStyle = colourOf(run.access, colours);
    // Of several maps the fill is as strong as they are dense, below a full line.
    if (run.maps > 1 && across > 2) {
      context.globalAlpha = .25 + .75 * shareOf(run);
      context.fillRect(left, y, across, height);
      context.globalAlpha = 1;
      context.fillRect(left, y, across, 2);
      context.fillRect(left, y + height - 2, across, 2);
    } else {
      // One map has an edge at each side, so that neighbours can be told apart.
      context.fillRect(left, y, across > 4 ? across - 1 : across, height);
    }
  }
}

function drawDma(context, width, view, accesses, place, colours) {
  context.fillStyle = colours.panel;
  context.fillRect(0, place.y, width, place.height);
  const half = place.height / 2;
  accesses.forEach((one, i) => {
    if (one.iova > view.last || one.iova + BigInt(one.length) <= view.first) return;
    const x = toPixel(one.iova, view, width);
    const across = Math.max(2, Number(one.length) / Number(sizeOf(view)) * width);
    context.globalAlpha = .35 + .65 * (i + 1) / accesses.length;
    context.fillStyle = one.isWrite ? colours.write : colours.read;
    context.fillRect(x, place.y + (one.isWrite ? 0 : half), across, half - 1);
  });
  context.globalAlpha = 1;
}

// The height is the share of dirty pages, at least a fifth.
function drawDirty(context, width, view, runs, place, colours) {
  context.fillStyle = colours.panel;
  context.fillRect(0, place.y, width, place.height);
  context.fillStyle = colours.kept;
  for (const run of runs) {
    if (run.last < view.first || run.first > view.last) continue;
    const x = toPixel(run.first, view, width);
    const across = Math.max(2, toPixel(run.last + 1n, view, width) - x);
    const height = place.height * Math.min(1, Math.max(.2, run.share));
    context.fillRect(x, place.y + place.height - height, across, height);
  }
}

function drawCursor(context, width, view, cursor, lanes, colours) {
  if (cursor < view.first || cursor > view.last) return;
  const x = Math.min(width - 1, toPixel(cursor, view, width));
  context.fillStyle = colours.text;
  for (const { y, height } of lanes) context.fillRect(x, y, 1, height);
  context.beginPath();
  context.moveTo(x - 5, lane.y - 6);
  context.lineTo(x + 6, lane.y - 6);
  context.lineTo(x + .5, lane.y);
  context.fill();
}
