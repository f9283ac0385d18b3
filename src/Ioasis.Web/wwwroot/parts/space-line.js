// The line of an address space and its words.
import { html, useEffect, useState } from "../html.js";
import {
  around, hex, indexAt, least, most, move, ofPixel, parseAddress, sizeOf, sizeText, zoom,
} from "./addresses.js";
import { DmaButton, Line } from "./line.js";
import { drawSpace, heightOf } from "./space-draw.js";
import { placeAt, placeText } from "./spaces.js";

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
  const { limit } = space;
  const width = () => line.width?.() ?? 1;
  const show = () => {
    line.schedule();
    redraw((n) => n + 1);
  };
  const look = (view) => {
    line.view = view;
    data.want(view, width());
    show();
    moved();
  };
  const goTo = (address, view = line.view) => {
    line.cursor = least(most(address, 0n), limit);
    const off = most(0n, line.cursor - view.last) + least(0n, line.cursor - view.first);
    look(move(view, off, limit));
  };
  const pixel = () => most(1n, sizeOf(line.view) / BigInt(width()));
  const shift = (by) => look(move(line.view, by, limit));
  // The cursor keeps its place.
  const zoomBy = (numerator, denominator, at) => {
    const { view, cursor } = line;
    const isSeen = view.first <= cursor && cursor <= view.last;
    look(zoom(view, at ?? (isSeen ? cursor : view.first + sizeOf(view) / 2n), numerator, denominator, limit));
  };
  const whole = () => look({ first: 0n, last: limit });
  const fit = () => {
    const runs = data.whole?.runs;
    if (!runs?.length) return;
    const [{ first }, { last }] = [runs[0], runs.at(-1)];
    goTo(least(most(line.cursor, first), last), around(first, last, limit));
  };
  const nextMap = (direction) => {
    const runs = data.known?.runs ?? [];
    const at = indexAt(runs, line.cursor);
    const next = runs[direction < 0 ? at - 1 : runs[at]?.first <= line.cursor ? at + 1 : at];
    if (next) goTo(next.first);
  };
  const keys = {
    ArrowLeft: (e) => goTo(line.cursor - pixel() * (e.shiftKey ? 10n : 1n)),
    ArrowRight: (e) => goTo(line.cursor + pixel() * (e.shiftKey ? 10n : 1n)),
    ArrowUp: () => nextMap(1),
    ArrowDown: () => nextMap(-1),
    PageUp: () => shift(-sizeOf(line.view) * 3n / 4n),
    PageDown: () => shift(sizeOf(line.view) * 3n / 4n),
    Home: () => goTo(0n),
    End: () => goTo(limit),
    "+": () => zoomBy(2n, 3n),
    "=": () => zoomBy(2n, 3n),
    "-": () => zoomBy(3n, 2n),
    f: fit,
    0: whole,
  };
  const wheel = (x, across, down) => {
    if (Math.abs(across) > Math.abs(down)) shift(pixel() * BigInt(Math.round(across)));
    else if (down) zoomBy(down < 0 ? 4n : 5n, down < 0 ? 5n : 4n, ofPixel(x, line.view, width()).first);
  };
  // In thousandths of a pixel, so that a slow drag of a huge view is not rounded away.
  const drag = (view, by) =>
    look(move(view, sizeOf(view) * BigInt(Math.round(by * 1000)) / BigInt(width() * 1000), limit));
  useEffect(() => {
    data.show = show;
    data.want(line.view, width());
    data.wantWhole(width());
  }, [data]);

  const shown = hover ?? line.cursor;
  const place = placeAt(shown, data.known, space, data.whole);
  if (place.kind === "maps") data.wantExact(shown);
  const words = `${hex(shown)}: ${placeText(shown, place, data.exact)}${dmaText(shown, data.dma)}`;
  const address = parseAddress(jump);
  const mistake = jump && address === null ? "This is no address, such as 0x10000."
    : jump && address > limit ? `The space ends at ${hex(limit)}.` : "";
  const submit = (e) => {
    e.preventDefault();
    if (mistake || address === null) return;
    // As near as the view was, but near enough to see a page.
    goTo(address, around(address, address, limit, least(sizeOf(line.view), 1n << 20n)));
    line.focus();
  };
  return html`
    <div class="tools">
      <button onClick=${keys["+"]} aria-keyshortcuts="+">Zoom in</button>
      <button onClick=${keys["-"]} aria-keyshortcuts="-">Zoom out</button>
      <button onClick=${fit} disabled=${!data.whole?.runs.length} aria-keyshortcuts="f">Fit to maps</button>
      <button onClick=${whole} aria-keyshortcuts="0">Whole space</button>
      ${setDma && html`<${DmaButton} isOn=${isDma} set=${setDma} />`}
      <form onSubmit=${submit}>
        <label>Address <input class="mono" value=${jump} onInput=${(e) => setJump(e.target.value)} size="18"
          aria-invalid=${Boolean(mistake)} aria-describedby="jump-mistake" spellcheck="false"
          autocomplete="off" /></label>
        <button>Go</button>
        <span id="jump-mistake" class="refusal" role="status">${mistake}</span>
      </form>
    </div>
    <p class="range mono">${hex(line.view.first)} to ${hex(line.view.last)}${" "}
      <span class="quiet">(${sizeText(sizeOf(line.view))}, a pixel is ${sizeText(pixel())})</span></p>
    <${Line} its=${line} label="Address" describedBy="space-keys" height=${heightOf(data)}
      now=${Number(line.cursor * 1000n / limit)} words=${hover === null ? words : undefined} keys=${keys} wheel=${wheel}
      draw=${(context, across, _, colours) => drawSpace(context, across, { space, line, data }, colours)}
      hover=${(x) => setHover(x === undefined ? null : ofPixel(x, line.view, width()).first)}
      click=${(x) => goTo(ofPixel(x, line.view, width()).first)} grab=${() => line.view} drag=${drag} />
    <p class="words mono" data-testid="words">${words}</p>
    <p id="space-keys" class="quiet">Left and right move the cursor, with Shift ten times as far; up and down go to the
      next and the previous map. + and - zoom, Page Up and Page Down move the view, Home and End go to the ends, f fits
      the maps, 0 shows all.</p>`;
}
