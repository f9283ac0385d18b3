import { html } from "../html.js";

export function Faults() {
  return html`<h2>Faults</h2>`;
}
