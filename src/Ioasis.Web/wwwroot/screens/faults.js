// Accesses that were refused, in groups, and what the checks of the program found.
import { html, useEffect, useRef, useState } from "../html.js";
import { follow, get } from "../api.js";
import { countText, hex } from "../parts/addresses.js";
import { FaultGroups } from "../parts/fault-groups.js";
import { codeText, reasonText } from "../parts/fault-words.js";
import { useMachine } from "../parts/machine.js";
import { usePages } from "../parts/pages.js";
import { linkTo, replace } from "../route.js";

const groupsAtATime = 50;
const columns = ["Device", "Page", "Access", "Reason", "Count", "First", "Last", "Unit", "Translation"];

export function Faults({ about, parameters }) {
  return html`
    <h2>Faults</h2>
    <${FaultTable} about=${about} parameters=${parameters} />
    <h2 class="next">Findings</h2>
    <${Findings} about=${about} />`;
}

/** Groups that live as long as the screen; of a recording, as long as its position. */
function useFaults(version, isLive) {
  const [, redraw] = useState(0);
  const [failure, setFailure] = useState(null);
  const groups = useRef(null);
  const early = useRef(null); // what is shown until the stream is open
  groups.current ??= new FaultGroups();
  useEffect(() => {
    if (!isLive) return undefined;
    const stop = new AbortController();
    let frame = 0;
    const show = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        redraw((n) => n + 1);
      });
    };
    let hasBegun = false;
    const ask = (take) => get("faults", {}, stop.signal).then((answer) => {
      take(answer.faults ?? []);
      show();
    }, (e) => stop.signal.aborted || setFailure(e.message));
    ask((faults) => (early.current = new FaultGroups()).begin(faults));
    follow("events", { kinds: "io_page_fault" }, (events) => {
      groups.current.take(events);
      show();
    }, {
      signal: stop.signal,
      // First the events, then what was before: so none is missed between.
      state: (connection) => {
        if (connection === "broken" && hasBegun) groups.current.hasBroken = true;
        if (connection !== "open" || hasBegun) return;
        hasBegun = true;
        ask((faults) => groups.current.begin(faults));
      },
    });
    return () => {
      stop.abort();
      cancelAnimationFrame(frame);
    };
  }, [isLive]);
  useEffect(() => {
    if (isLive) return;
    get("faults").then((answer) => {
      groups.current = new FaultGroups();
      groups.current.begin(answer.faults ?? []);
      redraw((n) => n + 1);
    }, (e) => setFailure(e.message));
  }, [version, isLive]);
  return { groups: groups.current.isReady ? groups.current : early.current, failure };
}

const timeText = (time) => (time === null ? "before" : `${time.toFixed(3)} s`);

function FaultTable({ about, parameters }) {
  const { version } = useMachine();
  const isLive = about?.kind !== "recording";
  const { groups, failure } = useFaults(isLive ? 0 : version, isLive);
  const device = parameters.device ?? "";
  const all = groups?.list(device) ?? [];
  const [rows, buttons] = usePages(all, groupsAtATime);
  if (!groups) return html`<p role=${failure ? "alert" : "status"}>${failure ?? "Asking for the faults."}</p>`;
  const devices = groups.devices();
  if (device && !devices.includes(device)) devices.push(device);
  const sum = all.reduce((n, g) => n + g.count, 0);
  return html`
    <p class="choice">
      <label>Device <select value=${device} onChange=${(e) => replace("faults", { device: e.target.value })}>
        <option value="">all</option>
        ${devices.map((d) => html`<option value=${d}>${d}</option>`)}
      </select></label>${" "}
      <span role="status">${countText(sum)} ${sum === 1 ? "fault" : "faults"} in ${countText(all.length)}${" "}
        ${all.length === 1 ? "group" : "groups"}</span></p>
    ${failure && html`<p class="refusal" role="alert">${failure}</p>`}
    ${groups.lost + groups.dropped > 0 && html`<p class="refusal">The page was too slow: ${" "}
      ${countText(groups.lost + groups.dropped)} faults are not counted here.</p>`}
    ${groups.hasBroken && html`<p class="refusal">The connection broke. Faults of that time may be missing.</p>`}
    ${all.length === 0 ? html`<p>No access was refused. Each one that a unit refuses appears here at once.</p>`
      : html`
      <div class="scroll" role="region" aria-label="Faults" tabindex="0"><table class="cards faults" role="table">
        <thead role="rowgroup"><tr role="row">${columns.map((name) => html`<th scope="col" role="columnheader">${
          name}</th>`)}</tr></thead>
        <tbody role="rowgroup">${rows.map((g) => html`
          <${Group} key=${g.key} group=${g} />`)}</tbody>
      </table></div>
      ${isLive && html`<p class="quiet">Times are seconds since the program was started; "before" is before this page
        began to listen, of which the units keep the newest faults.</p>`}`}
    ${buttons}`;
}

function Group({ group: g }) {
  const where = g.pasid === null ? g.device : `${g.device} PASID ${g.pasid}`;
  const code = codeText(g.unit, g.code);
  const link = linkTo("walk", {
    device: g.device, pasid: g.pasid ?? undefined, address: hex(g.address), write: g.isWrite || undefined });
  const cells = [
    ["mono", hex(g.page)],
    ["", g.isWrite ? "write" : "read"],
    ["why", html`<strong>${g.reason}</strong> ${reasonText(g.reason)}${code && html`<br />
      <span class="quiet">VT-d fault reason ${code}</span>`}`],
    ["", countText(g.count)],
    ["", timeText(g.first)],
    ["", timeText(g.last)],
    ["mono", g.unit],
    ["", html`<a href=${link}>Walk it<span class="unseen"> (${where}, ${hex(g.address)})</span></a>`],
  ];
  return html`<tr role="row"><th scope="row" role="rowheader" class="mono">${where}</th>
    ${cells.map(([kind, content], i) => html`<td role="cell" class=${kind || undefined} data-column=${columns[i + 1]}>
      <div>${content}</div></td>`)}</tr>`;
}

/** What `run --check` found. A program that is not checked has none, which is said. */
function Findings({ about }) {
  const [findings, set] = useState(null);
  const [isChecked, setChecked] = useState(true);
  const [failure, setFailure] = useState(null);
  useEffect(() => {
    const stop = new AbortController();
    const known = new Map();
    const take = (some) => {
      for (const one of some) if (one.sequence) known.set(one.sequence, one);
      set([...known.values()].sort((a, b) => b.sequence - a.sequence));
    };
    const ask = () => get("findings", {}, stop.signal).then(({ findings: some }) => {
      setChecked(some !== undefined);
      if (some) take(some);
      return Boolean(some);
    });
    ask().then((hasSome) => hasSome && follow("findings/live", {}, take, {
      signal: stop.signal,
      // What came between the answer and the stream is in a second answer.
      state: (connection) => connection === "open" && ask().catch(() => {}),
    })).catch((e) => stop.signal.aborted || setFailure(e.message));
    return () => stop.abort();
  }, []);
  if (failure) return html`<p class="refusal" role="alert">${failure}</p>`;
  if (!isChecked) {
    return about?.kind !== "program" ? html`<p>Only of a program that runs the mistakes are looked for.</p>`
      : html`<p>Mistakes of the program with DMA are looked for by <code>ioasis run --check</code>; this one runs
        without.</p>`;
  }
  if (!findings) return html`<p role="status">Asking.</p>`;
  if (!findings.length) return html`<p>The program is checked, and nothing was found so far.</p>`;
  return html`<p role="status">${countText(findings.length)} ${findings.length === 1 ? "finding" : "findings"}${
    findings.at(-1).sequence > 1 ? ", the newest" : ""}</p>
    <ul class="findings">${findings.map((one) => html`<li key=${one.sequence}><${Finding} one=${one} /></li>`)}
    </ul>`;
}

function Finding({ one }) {
  const link = one.device && one.address !== undefined && !/^(unmap|detach|leak)/.test(one.kind)
    ? linkTo("walk", {
      device: one.device, pasid: one.pasid, address: one.address, write: /^write\b/.test(one.what) || undefined })
    : null;
  return html`
    <details>
      <summary><strong>${one.kind}</strong>: ${one.what}${one.file ? html`${" "}<span class="mono quiet">
        ${one.file}:${one.line}</span>` : ""}</summary>
      <p>${one.meaning}${link && html`${" "}<a href=${link}>Walk it<span class="unseen"> (${one.device}, ${one.address
        })</span></a>`}</p>
      <pre tabindex="0" role="region" aria-label=${`Report of ${one.kind}`}>${one.lines.join("\n")}</pre>
    </details>`;
}
