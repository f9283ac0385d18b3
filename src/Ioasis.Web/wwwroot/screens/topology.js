import { html } from "../html.js";

export function Topology() {
  return html`<h2>Topology</h2>`;
}
