// The topology as an indented list, for narrow windows. What several things share stands below the first of them.
import { html } from "../html.js";
import { moreText, sayOf } from "./topology-svg.js";

export function TopologyList({ folded, selected, connected, select, unfold }) {
  const told = new Set();
  const below = (key) => {
    const thing = folded.things.get(key);
    const keys = folded.edges.filter(([from]) => from === key).map(([, to]) => to);
    if (thing.within) keys.push(thing.within); // the second stage that translates for it
    return [...new Set(keys)].filter((k) => !told.has(k) && told.add(k));
  };
  const more = (above, ...of) => folded.folded.filter((f) => f.above === above && (!of.length || of.includes(f.rank)))
    .map((f) => html`<li><button class="more" onClick=${() => unfold(f.name)}>${moreText(f)}</button></li>`);
  const item = (key) => {
    const thing = folded.things.get(key);
    const inner = below(key);
    const where = thing.rank === 3 && thing.hwpt && !inner.length ? ` to ${folded.things.get(thing.hwpt)?.title}` : "";
    return html`<li>
      <button aria-pressed=${key === selected} onClick=${() => select(key)} title=${sayOf(thing)}
        class="${connected.has(key) ? "lit" : ""} ${thing.isBusy ? "busy" : ""}">
        <b>${thing.title}</b> <span>${thing.lines.join(", ")}${where}</span></button>
      ${inner.length || folded.folded.some((f) => f.above === key)
        ? html`<ul>${inner.map(item)}${more(key)}</ul>` : null}
    </li>`;
  };
  const roots = [...folded.things.values()].filter((t) => t.rank === 0).map((t) => t.key);
  const list = roots.map(item);
  const rest = [...folded.things.keys()].filter((key) => !roots.includes(key) && !told.has(key));
  return html`<ul class="topology-list">${list}${rest.map((key) => told.has(key) ? null : (told.add(key), item(key)))}
    ${more(null)}</ul>`;
}
