// What the machine consists of and what programs made in it: units, groups, devices, PASIDs, page tables, spaces.
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { useMachine } from "../parts/machine.js";
import { connectedWith, fold, topologyOf } from "../parts/topology-model.js";
import { TopologyDrawing } from "../parts/topology-svg.js";
import { TopologyList } from "../parts/topology-list.js";
import { linkTo, replace } from "../route.js";

const narrowest = 56; // in rem: a drawing of six ranks needs so much

/** The width of an element, and the size of the root's font. */
function useSize(ref) {
  const [size, set] = useState(null);
  useEffect(() => {
    const measure = () => ref.current && set({ width: ref.current.clientWidth,
      rem: parseFloat(getComputedStyle(document.documentElement).fontSize) });
    const watch = new ResizeObserver(measure);
    watch.observe(ref.current);
    measure();
    return () => watch.disconnect();
  }, []);
  return size;
}

export function Topology({ parameters }) {
  const { state, failure } = useMachine();
  const [unfolded, setUnfolded] = useState(new Set());
  const room = useRef(null);
  const size = useSize(room);
  const topology = useMemo(() => (state ? topologyOf(state) : null), [state]);
  const selected = parameters.of ?? null;
  const connected = topology ? connectedWith(topology, selected) : new Set();
  const folded = topology ? fold(topology, unfolded, connected) : null;
  const select = (key) => replace("topology", key === selected ? {} : { of: key });
  const unfold = (name) => setUnfolded(new Set([...unfolded, name]));
  const parts = { folded, selected, connected, select, unfold };
  return html`
    <h2>Topology</h2>
    ${failure && !state ? html`<p class="refusal" role="alert">${failure}</p>` : null}
    <div class="topology-page">
      <div class="topology-room" ref=${room}>
        ${!folded || !size ? null : size.width < narrowest * size.rem ? html`<${TopologyList} ...${parts} />`
          : html`<${TopologyDrawing} ...${parts}
            size=${{ width: size.width, char: size.rem * .49, line: size.rem * 1.1 }} />`}
      </div>
      ${topology ? html`<${Details} thing=${topology.things.get(selected)} wanted=${selected} state=${state} />` : null}
    </div>`;
}

/** What is known of the selected thing, and where it leads. */
function Details({ thing, wanted, state }) {
  if (!thing) {
    return html`<aside aria-label="Details"><p>${wanted ? `${wanted} is not there (any more).`
      : "Choose a thing to see what it is connected with."}</p>
      <p class="quiet">${state.devices.length} devices, ${state.pasids} PASIDs given out.</p></aside>`;
  }
  const links = [];
  if (thing.device) {
    links.push([linkTo("walk", { device: thing.device, pasid: thing.pasid }), "walk it"]);
    links.push([linkTo("faults", { device: thing.device }), "its faults"]);
  }
  const space = thing.rank === 5 && thing.context !== undefined ? thing.key : thing.rank === 4 ? thing.ioas : null;
  if (space) {
    const [context, ioas] = space.slice("ioas:".length).split("/");
    links.push([linkTo("space", { context, ioas }), "address space"]);
  }
  return html`<aside aria-label="Details">
    <h3>${thing.title} <small>${thing.kind}</small></h3>
    <dl>${thing.facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${links.length ? html`<p class="links">${links.map(([to, words]) => html`<a href=${to}>${words}</a> `)}</p>` : null}
  </aside>`;
}
