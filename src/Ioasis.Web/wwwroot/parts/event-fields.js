// An event in full: its fields, and the structures of a call as they went in and came out.
import { html } from "../html.js";
import { timeText } from "./event-words.js";

const hidden = new Set(["event", "in", "out", "stack", "bytes", "text"]);

export function EventFields({ item }) {
  const e = item.event;
  const fields = Object.entries(e).filter(([name]) => !hidden.has(name));
  return html`
    <section class="event" aria-label="The selected event">
      <dl>${fields.map(([name, value]) => html`<div key=${name}><dt>${name}</dt>
        <dd class="mono">${name === "took" ? timeText(value) : String(value)}</dd></div>`)}</dl>
      ${e.in && html`<${Structure} title="In" fields=${e.in} />`}
      ${e.out && html`<${Structure} title="Out: what the call changed" fields=${e.out} />`}
      ${e.text !== undefined && html`<p class="mono">${e.text}</p>`}
      ${e.bytes && html`<p class="mono">bytes ${e.bytes.replace(/(..)(?=.)/g, "$1 ")}</p>`}
      ${e.stack && html`<pre tabindex="0" role="region" aria-label="Stack">${[].concat(e.stack).join("\n")}</pre>`}
    </section>`;
}

function Structure({ title, fields }) {
  return html`<div class="scroll" role="region" aria-label=${title} tabindex="0"><table>
    <caption>${title}</caption>
    <thead><tr><th scope="col">Field</th><th scope="col">Value</th></tr></thead>
    <tbody>${Object.entries(fields).map(([name, value]) => html`<tr key=${name}>
      <th scope="row" class="mono">${name}</th><td class="mono">${String(value)}</td></tr>`)}</tbody>
  </table></div>`;
}
