// An address space as a line: its maps by permission, what is reserved and free, DMA and dirty pages.
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { around, countText, hex, into, parseAddress, sizeOf, sizeText } from "../parts/addresses.js";
import { memoryText, reservedText, runAccessText, spacesOf } from "../parts/spaces.js";
import { SpaceData } from "../parts/space-data.js";
import { SpaceLine } from "../parts/space-line.js";
import { useMachine } from "../parts/machine.js";
import { usePages } from "../parts/pages.js";
import { replace } from "../route.js";

const rowsAtATime = 20;

export function Space({ about, parameters }) {
  const { state, version, failure } = useMachine();
  const spaces = useMemo(() => spacesOf(state), [state]);
  const space = spaces.find((s) => String(s.context) === parameters.context && String(s.ioas) === parameters.ioas)
    ?? (parameters.ioas ? null : spaces.find((s) => s.count > 0) ?? spaces[0]);
  const choose = (e) => {
    const [context, ioas] = e.target.value.split(" ");
    replace("space", { context, ioas });
  };
  if (!state) return html`<h2>Address space</h2><p role="status">${failure ?? "Asking for the state."}</p>`;
  return html`
    <h2>Address space</h2>
    ${spaces.length > 0 && html`
      <p class="choice"><label>IOAS <select onChange=${choose} value=${space && `${space.context} ${space.ioas}`}>
        ${!space && html`<option value="">none</option>`}
        ${spaces.map((s) => html`<option value=${`${s.context} ${s.ioas}`}>
          ${s.ioas} of context ${s.context}, process ${s.process}: ${countText(s.count)} maps</option>`)}
      </select></label></p>`}
    ${space ? html`<${OneSpace} key=${[space.context, space.ioas, space.limit, space.tracking].join()}
        space=${space} version=${version} parameters=${parameters} isLive=${about?.kind !== "recording"} />`
      : html`<p>${parameters.ioas ? `There is no IOAS ${parameters.ioas} of context ${parameters.context} (any more).`
        : "No program has an I/O address space now. One appears here as soon as a program allocates it."}</p>`}`;
}

/** The view that the URL names, else all. */
function viewOf(parameters, limit) {
  const first = parseAddress(parameters.first);
  const last = parseAddress(parameters.last);
  return first !== null && last !== null && first < last ? into({ first, last }, limit) : null;
}

function OneSpace({ space, version, parameters, isLive }) {
  const [, redraw] = useState(0);
  const [isDma, setDma] = useState(false);
  const kept = useRef(null);
  if (!kept.current) {
    const view = viewOf(parameters, space.limit);
    kept.current = {
      line: { view: view ?? { first: 0n, last: space.limit }, cursor: view?.first ?? 0n },
      written: "", isGiven: Boolean(view),
      // What the space has of the state can change: limits, reserved windows, users.
      data: new SpaceData(space, (what) => heard(what)),
    };
  }
  const { line, data } = kept.current;
  data.space = space;
  const heard = (what) => {
    // At first the maps are shown, where the URL names no view.
    if (what === "maps" && data.whole?.runs.length && !kept.current.isGiven) {
      kept.current.isGiven = true;
      const { runs } = data.whole;
      line.view = around(runs[0].first, runs.at(-1).last, space.limit);
      line.cursor = runs[0].first;
      data.want(line.view, innerWidth);
    }
    data.show?.();
    if (what !== "exact" && what !== "dma") redraw((n) => n + 1);
  };
  const moved = () => {
    kept.current.isGiven = true;
    clearTimeout(kept.current.timer);
    // A browser refuses to have the URL changed a hundred times a second.
    kept.current.timer = setTimeout(() => {
      kept.current.written = `${hex(line.view.first)} ${hex(line.view.last)}`;
      replace("space", {
        context: space.context, ioas: space.ioas, first: hex(line.view.first), last: hex(line.view.last) });
      redraw((n) => n + 1);
    }, 250);
  };
  useEffect(() => () => {
    clearTimeout(kept.current.timer);
    data.close();
  }, []);
  useEffect(() => data.listen(isDma), [isDma]);
  useEffect(() => {
    data.refresh(() => line.view, innerWidth);
  }, [version]);
  useEffect(() => {
    if (!data.askDirty) return undefined;
    // A device's writes are no event, so dirty pages are asked for again.
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") data.wantDirty(line.view, innerWidth);
    }, 1000);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    const view = viewOf(parameters, space.limit);
    if (!view || `${parameters.first} ${parameters.last}` === kept.current.written) return;
    line.view = view;
    if (line.cursor < view.first || line.cursor > view.last) line.cursor = view.first;
    data.want(view, innerWidth);
    data.show?.();
  }, [parameters.first, parameters.last]);

  return html`
    <p class="quiet">${countText(space.count)} maps, ${sizeText(space.bytes)} of
      ${" "}${sizeText(space.limit + 1n)}. Used by ${space.users.length
        ? space.users.map((u) => u.device + (u.pasid === undefined ? "" : ` PASID ${u.pasid}`)).join(", ")
        : "no device"}.</p>
    <${SpaceLine} space=${space} data=${data} line=${line} moved=${moved} isDma=${isDma}
      setDma=${isLive ? setDma : null} />
    <${Legend} space=${space} data=${data} line=${line} isDma=${isDma} />
    ${data.failure && html`<p class="refusal" role="alert">${data.failure}</p>`}
    <${MapTable} space=${space} view=${line.view} known=${data.known} goTo=${(run) => {
      line.view = around(run.first, run.last, space.limit);
      line.cursor = run.first;
      data.want(line.view, innerWidth);
      data.show?.();
      moved();
    }} />`;
}

const dirtyIn = ({ runs }, view) => runs.reduce(
  (sum, run) => (run.first <= view.last && run.last >= view.first ? sum + run.pages : sum), 0);

function Legend({ space, data, line, isDma }) {
  return html`
    <ul class="legend" aria-label="Legend">
      <li><i class="swatch r"></i> devices may read (lower half)</li>
      <li><i class="swatch w"></i> write (upper half)</li>
      <li><i class="swatch rw"></i> both (full height)</li>
      <li><i class="swatch many"></i> several maps: what any of them permits, the fuller the denser</li>
      <li><i class="swatch reserved"></i> reserved</li>
      <li><i class="swatch free"></i> free</li>
      ${isDma && html`<li><i class="swatch ticks"></i> DMA: reads below, writes above; older ones paler${
        data.connection === "broken" ? " (the connection is broken)" : ""}</li>`}
      ${data.dirty && html`<li><i class="swatch dirty"></i> dirty pages of HWPT ${space.tracking[0]}, the higher the
        more: ${countText(dirtyIn(data.dirty, line.view))} in view</li>`}
    </ul>
    ${space.reserved.length > 0 && html`<p class="quiet">Reserved: ${space.reserved.map((r) =>
      `${hex(r.first)}-${hex(r.last)} (${reservedText(r)})`).join("; ")}.</p>`}`;
}

const mapColumns = ["Last", "Size", "Devices may", "Memory"];

/** What the canvas shows, as a table: the maps of the view, those that it draws as one in one row. */
function MapTable({ view, known, goTo }) {
  const runs = (known?.runs ?? []).filter((run) => run.first <= view.last && run.last >= view.first);
  const [rows, buttons] = usePages(runs, rowsAtATime);
  const maps = runs.reduce((sum, run) => sum + run.maps, 0);
  return html`
    <div class="scroll" role="region" aria-label="Maps in view" tabindex="0"><table class="cards" role="table">
      <caption>Maps in view: ${countText(maps)}${maps > runs.length
        ? ". Maps that are nearer than a pixel share a row" : ""}</caption>
      <thead role="rowgroup"><tr role="row">${["First", ...mapColumns].map((name) => html`<th scope="col"
        role="columnheader">${name}</th>`)}</tr></thead>
      <tbody role="rowgroup">
        ${rows.map((run) => html`<tr key=${hex(run.first)} role="row">
          <th scope="row" role="rowheader"><button class="link mono" onClick=${() => goTo(run)} title="Show it">${
            hex(run.first)}</button></th>
          ${[hex(run.last), run.maps > 1 ? `${sizeText(run.bytes)} of ${sizeText(sizeOf(run))}` : sizeText(sizeOf(run)),
            runAccessText(run), memoryText(run)].map((text, i) => html`<td role="cell" class=${i % 3 ? "" : "mono"}
              data-column=${mapColumns[i]}><div>${text}</div></td>`)}</tr>`)}
        ${runs.length === 0 && html`<tr role="row"><td role="cell" colspan="5">${known ? "No map is in view."
          : "Asking."}</td></tr>`}
      </tbody>
    </table></div>
    ${buttons}`;
}
