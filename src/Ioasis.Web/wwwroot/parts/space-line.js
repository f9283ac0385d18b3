// The line of an address space: a canvas that is moved and zoomed by keys, wheel and pointer, and its words.
import { html, useEffect, useRef, useState } from "../html.js";
import {
  around, hex, indexAt, into, least, most, move, ofPixel, parseAddress, sizeOf, sizeText, zoom,
} from "./addresses.js";
import { placeIn, useCanvas } from "./canvas.js";
import { drawSpace, heightOf } from "./space-draw.js";
import { placeAt, placeText } from "./spaces.js";

const keysHelp = "Left and right move the cursor, with Shift ten times as far; up and down go to the next and the "
  + "previous map. + and - zoom, Page Up and Page Down move the view, Home and End go to the ends, f fits the maps, "
  + "0 shows all.";

/** The recent accesses to an address, in words. */
function dmaText(address, dma) {
  if (!dma) return "";
  if (!dma.length) return " No DMA was seen yet.";
  const hits = dma.filter((d) => d.iova <= address && address < d.iova + BigInt(d.length));
  const writes = hits.filter((d) => d.isWrite).length;
  return ` Of the last ${dma.length} accesses, ${hits.length - writes} read it and ${writes} wrote it.`;
}

/** `line` is what the screen keeps of it: {view, cursor}; `moved()` tells the screen that it changed. */
export function SpaceLine({ space, data, line, moved, isDma, setDma }) {
  const [, redraw] = useState(0);
  const [hover, setHover] = useState(null);
  const [jump, setJump] = useState("");
  const drag = useRef(null);
  const width = () => canvas.current?.clientWidth || 1;
  const { canvas, schedule } = useCanvas((context, across, _, colours) =>
    drawSpace(context, across, { space, ...line, ...data, known: data.known, whole: data.whole }, colours));

  const changed = () => {
    data.want(line.view, width());
    schedule();
    redraw((n) => n + 1);
    moved();
  };
  const look = (view) => {
    line.view = view;
    changed();
  };
  const goTo = (address, view) => {
    line.cursor = least(most(address, 0n), space.limit);
    view ??= line.view;
    if (line.cursor < view.first) view = move(view, line.cursor - view.first, space.limit);
    if (line.cursor > view.last) view = move(view, line.cursor - view.last, space.limit);
    look(view);
  };
  const pixel = () => most(1n, sizeOf(line.view) / BigInt(width()));
  // The cursor is what is looked at: zooming keeps it, and fetches it if it was out of view.
  const zoomBy = (numerator, denominator, at) => {
    const middle = at ?? (line.view.first <= line.cursor && line.cursor <= line.view.last
      ? line.cursor : line.view.first + sizeOf(line.view) / 2n);
    look(zoom(line.view, middle, numerator, denominator, space.limit));
  };
  const whole = () => look({ first: 0n, last: space.limit });
  const fit = () => {
    const runs = data.whole?.runs;
    if (runs?.length) goTo(line.cursor < runs[0].first ? runs[0].first : least(line.cursor, runs.at(-1).last),
      around(runs[0].first, runs.at(-1).last, space.limit));
  };
  const nextMap = (direction) => {
    const runs = data.known?.runs ?? [];
    const at = indexAt(runs, line.cursor);
    const inside = runs[at]?.first <= line.cursor;
    const next = runs[direction > 0 ? at + (inside ? 1 : 0) : at - 1];
    if (next) goTo(next.first);
  };
  const keys = {
    ArrowLeft: (e) => goTo(line.cursor - pixel() * (e.shiftKey ? 10n : 1n)),
    ArrowRight: (e) => goTo(line.cursor + pixel() * (e.shiftKey ? 10n : 1n)),
    ArrowUp: () => nextMap(1),
    ArrowDown: () => nextMap(-1),
    PageUp: () => look(move(line.view, -sizeOf(line.view) * 3n / 4n, space.limit)),
    PageDown: () => look(move(line.view, sizeOf(line.view) * 3n / 4n, space.limit)),
    Home: () => goTo(0n),
    End: () => goTo(space.limit),
    "+": () => zoomBy(2n, 3n),
    "=": () => zoomBy(2n, 3n),
    "-": () => zoomBy(3n, 2n),
    f: fit,
    0: whole,
  };
  const press = (e) => {
    const act = e.ctrlKey || e.altKey || e.metaKey ? null : keys[e.key];
    if (!act) return;
    e.preventDefault();
    act(e);
  };

  useEffect(() => {
    const element = canvas.current;
    const wheel = (e) => {
      e.preventDefault();
      const at = ofPixel(placeIn(element, e).x, line.view, width()).first;
      if (Math.abs(e.deltaX) > Math.abs(e.deltaY))
        look(move(line.view, pixel() * BigInt(Math.round(e.deltaX)), space.limit));
      else if (e.deltaY) zoomBy(e.deltaY < 0 ? 4n : 5n, e.deltaY < 0 ? 5n : 4n, at);
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, [space, data]);
  useEffect(() => {
    data.show = () => {
      schedule();
      redraw((n) => n + 1);
    };
    data.want(line.view, width());
    data.wantWhole(width());
    schedule();
  }, [space, data]);

  const down = (e) => {
    if (e.button) return;
    canvas.current.setPointerCapture(e.pointerId);
    drag.current = { x: placeIn(canvas.current, e).x, view: line.view, isMoved: false };
  };
  const over = (e) => {
    const { x } = placeIn(canvas.current, e);
    const held = drag.current;
    if (!held) return setHover(ofPixel(x, line.view, width()).first);
    if (Math.abs(x - held.x) > 3) held.isMoved = true;
    if (held.isMoved) {
      // In thousandths of a pixel, so that a slow drag of a huge view is not rounded away.
      const by = sizeOf(held.view) * BigInt(Math.round((held.x - x) * 1000)) / BigInt(Math.round(width() * 1000));
      look(move(held.view, by, space.limit));
    }
  };
  const up = (e) => {
    const held = drag.current;
    drag.current = null;
    if (held && !held.isMoved) goTo(ofPixel(placeIn(canvas.current, e).x, line.view, width()).first);
  };

  const shown = hover ?? line.cursor;
  const place = placeAt(shown, data.known, space);
  if (place.kind === "maps") data.wantExact(shown);
  const words = `${hex(shown)}: ${placeText(shown, place, data.exact)}${dmaText(shown, data.dma)}`;
  const column = ofPixel(0, line.view, width());
  const submit = (e) => {
    e.preventDefault();
    const address = parseAddress(jump);
    if (address === null || address > space.limit) return;
    // As near as the view was, but near enough to see a page.
    goTo(address, around(address, address, space.limit, least(sizeOf(line.view), 1n << 20n)));
    canvas.current.focus();
  };
  const address = parseAddress(jump);
  const mistake = jump && address === null ? "This is no address, such as 0x10000."
    : jump && address > space.limit ? `The space ends at ${hex(space.limit)}.` : "";

  return html`
    <div class="tools">
      <button onClick=${() => zoomBy(2n, 3n)} aria-keyshortcuts="+">Zoom in</button>
      <button onClick=${() => zoomBy(3n, 2n)} aria-keyshortcuts="-">Zoom out</button>
      <button onClick=${fit} disabled=${!data.whole?.runs.length} aria-keyshortcuts="f">Fit to maps</button>
      <button onClick=${whole} aria-keyshortcuts="0">Whole space</button>
      <button aria-pressed=${isDma} onClick=${() => setDma(!isDma)}
        title="The devices are slower while it is on: no access is served by an IOTLB">DMA, live (slower)</button>
      <form onSubmit=${submit}>
        <label>Address <input class="mono" value=${jump} onInput=${(e) => setJump(e.target.value)} size="18"
          aria-invalid=${Boolean(mistake)} aria-describedby="jump-mistake" spellcheck="false"
          autocomplete="off" /></label>
        <button>Go</button>
        <span id="jump-mistake" class="refusal" role="status">${mistake}</span>
      </form>
    </div>
    <p class="range mono">${hex(line.view.first)} to ${hex(line.view.last)}${" "}
      <span class="quiet">(${sizeText(sizeOf(line.view))}, a pixel is ${sizeText(sizeOf(column))})</span></p>
    <div class="line" onKeyDown=${press}>
      <canvas ref=${canvas} tabindex="0" role="slider" aria-label="Address" aria-valuemin="0" aria-valuemax="1000"
        aria-valuenow=${Number(line.cursor * 1000n / space.limit)} aria-valuetext=${hover === null ? words : undefined}
        aria-describedby="space-keys" style=${{ height: `${heightOf(data)}px` }}
        onPointerDown=${down} onPointerMove=${over} onPointerUp=${up} onPointerLeave=${() => setHover(null)}></canvas>
    </div>
    <p class="words mono" data-testid="words">${words}</p>
    <p id="space-keys" class="quiet">${keysHelp}</p>`;
}
