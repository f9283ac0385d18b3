import { html } from "../html.js";

export function Walk() {
  return html`<h2>Walk</h2>`;
}
