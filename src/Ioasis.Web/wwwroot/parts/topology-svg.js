// The drawing of the topology: things are buttons; arrow keys go along ranks and edges.
import { html, useRef } from "../html.js";
import { ranks } from "./topology-model.js";
import { layOut } from "./topology-layout.js";

/** What a screen reader says of a thing: what is written in its box, so that one who speaks to it is understood. */
export const sayOf = (thing) => [thing.title, ...thing.lines, thing.kind].join(", ");

export function TopologyDrawing({ folded, size, selected, connected, select, unfold }) {
  const drawn = layOut(folded, size);
  const at = useRef(null);
  const stop = selected && folded.things.has(selected) ? selected : drawn.boxes[0]?.key;
  const go = (event, box) => {
    const next = neighbour(drawn, folded, box, event.key);
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      select(box.key);
    } else if (next) {
      event.preventDefault();
      at.current.querySelector(`[data-key="${CSS.escape(next)}"]`)?.focus();
    }
  };
  const shade = (keys) => (connected.size && !keys.every((k) => connected.has(k)) ? "faint" : "");
  const curve = (c) => html`<path key=${`${c.from} ${c.to}`} class="edge ${shade([c.from, c.to])
    || (connected.size ? "lit" : "")}" d=${c.path} />`;
  const isInner = (c) => Boolean(folded.things.get(c.to).within); // its end lies on the box around it
  return html`
    <svg ref=${at} class="topology" viewBox="-2 0 ${size.width + 4} ${drawn.height}" width=${size.width}
      height=${drawn.height} role="group" aria-label="Topology. Arrow keys go from thing to thing.">
      ${ranks.map((name, i) => html`<text class="rank" x=${i * drawn.column} y=${size.line}>${name}</text>`)}
      ${drawn.curves.filter((c) => !isInner(c)).map(curve)}
      ${drawn.boxes.map((box) => html`
        <g key=${box.key} data-key=${box.key} role="button" tabindex=${box.key === stop ? 0 : -1}
          aria-pressed=${box.key === selected} aria-label=${sayOf(box.thing)} onClick=${() => select(box.key)}
          onKeyDown=${(e) => go(e, box)}
          class="thing rank${box.thing.rank} ${box.thing.isBusy ? "busy" : ""} ${shade([box.key])}">
          <rect x=${box.x} y=${box.y} width=${box.width} height=${box.height} rx="5" />
          ${box.lines.flatMap((line, i) => [html`<text class=${line.isTitle ? "title" : ""} x=${box.x + drawn.pad}
            y=${box.y + drawn.pad + size.line * (i + .75)}>${line.text}</text>`, " "])}
        </g>`)}
      ${drawn.curves.filter(isInner).map(curve)}
      ${drawn.buttons.map((b) => html`
        <g key=${b.name} class="more" role="button" tabindex="0" aria-label=${moreText(b)}
          onClick=${() => unfold(b.name)} onKeyDown=${(e) => {
            if (e.key !== "Enter" && e.key !== " ") return;
            e.preventDefault();
            unfold(b.name);
          }}>
          <rect x=${b.x} y=${b.y} width=${b.width} height=${b.height} rx="5" />
          <text x=${b.x + drawn.pad} y=${b.y + size.line * 1.3}>and ${b.count} more</text>
        </g>`)}
    </svg>`;
}

export const moreText = (f) => `and ${f.count} more ${f.count === 1 ? f.what : `${f.what}s`}`;

/** The thing that an arrow key leads to: along an edge to the side, the next of the rank up and down. */
function neighbour(drawn, folded, box, key) {
  if (key === "ArrowRight") return folded.edges.find(([from]) => from === box.key)?.[1] ?? box.thing.within;
  if (key === "ArrowLeft") return folded.edges.find(([, to]) => to === box.key)?.[0] ?? box.thing.parts[0];
  if (key !== "ArrowUp" && key !== "ArrowDown") return null;
  const column = drawn.boxes.filter((b) => b.thing.rank === box.thing.rank).sort((a, b) => a.y - b.y);
  return column[column.indexOf(box) + (key === "ArrowUp" ? -1 : 1)]?.key;
}
