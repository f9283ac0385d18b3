// The steps of a walk: the address cut into indices, the grid of the steps, and one step in full.
import { html } from "../html.js";
import { bitsText, comparison, cut, digits, endOf, whoOf } from "./walk-view.js";

/** The address, each level's index bits in that level's colour. */
export function AddressBits({ address, steps, current }) {
  const parts = cut(address, steps);
  if (!parts) return null;
  const at = steps[current]?.uses;
  return html`<div class="walk-bits" role="img"
      aria-label=${`The address in bits: ${parts.map((p) => `${p.name} ${p.value}`).join(", ")}`}>
    ${parts.map((p) => html`<span key=${p.first}
        class="bits level${p.level ?? "-none"} ${at?.first === p.first ? "now" : ""}">
      <span class="digits">${p.count > 16 ? `${p.count} bits` : p.bits}</span>
      <span class="name">${p.name}</span><span class="value">${p.value}</span></span>`)}
  </div>`;
}

/** One row for each step that is shown: who, the address, the second stage of a table's read, the entry, the result. */
export function StepGrid({ steps, shown, current, choose }) {
  return html`<table class="walk-grid" role="table">
    <caption class="hidden">The steps of the walk</caption>
    <thead><tr>${["step", "who", "looks up", "through stage 2", "entry", "says"].map((name) => html`<th>${name}</th>`)}
    </tr></thead>
    <tbody>${steps.slice(0, shown).map((step, i) => html`
      <tr key=${i} class=${`${step.isKept ? "kept" : ""} ${step.isFault ? "fault" : ""} ${i === current ? "now" : ""}`}
          aria-current=${i === current ? "step" : undefined}>
        <td><button onClick=${() => choose(i)} aria-label=${`Step ${i + 1} in full`}>${i + 1}</button></td>
        <td data-name="who">${step.uses
          ? html`<span class=${`swatch level${step.entry ? step.level : 0}`}></span>` : null}${whoOf(step)}</td>
        <td data-name="looks up" class="mono">${digits(step.address)}</td>
        <td data-name="through stage 2" class="mono">${step.mapping
          ? html`${step.mapping.first}-${step.mapping.last}<br />${step.mapping.access}` : null}</td>
        <td data-name="entry" class="mono">${step.entry ? digits(step.entry) : null}</td>
        <td data-name="says">${step.says}</td>
      </tr>`)}</tbody>
  </table>`;
}

/** The chosen step: its entry bit by bit, or the rule by which it ends the walk. */
export function StepInFull({ step, number, of }) {
  return html`<section class="walk-step" aria-label="Step in full">
    <h3>Step ${number} of ${of}: ${whoOf(step)}</h3>
    <p>${step.says}</p>
    ${step.code ? html`<p class="refusal"><strong>Fault reason 0x${step.code.toString(16)}.</strong> ${step.rule}</p>`
      : null}
    ${step.mapping ? html`<p class="quiet">The second stage reads the entry through ${step.mapping.first}-${
      step.mapping.last}, ${step.mapping.access}.</p>` : null}
    ${step.fields ? html`<table class="fields"><caption>${digits(step.entry)}, bit by bit</caption>
      <thead><tr><th>bits</th><th>name</th><th>value</th><th>meaning</th></tr></thead>
      <tbody>${step.fields.toReversed().map((f) => html`
        <tr class=${/^(IGN|PWT|PCD|PAT|G|XD)$/.test(f.name) ? "quiet" : ""}><td>${bitsText(f)}</td><th scope="row">${
          f.name}</th><td>${f.value}</td><td>${f.says}</td></tr>`)}</tbody></table>` : null}
  </section>`;
}

/** How it ends, and memory beside what the IOTLB keeps. */
export function WalkEnd({ answer }) {
  const both = comparison(answer.steps);
  return html`<div class="walk-end" role="status">
    <p class=${answer.reason === "None" ? "passed" : "refusal"}><strong>${endOf(answer)}</strong></p>
    ${both ? html`<dl class=${both.differs ? "differs" : ""}><div><dt>memory</dt><dd>${both.memory}</dd></div>
      <div class="kept"><dt>IOTLB keeps</dt><dd>${both.kept}</dd></div>
      <div><dt>so</dt><dd>${both.differs ? "they differ: the device uses what is kept until it is invalidated"
        : "they agree"}</dd></div></dl>` : null}
  </div>`;
}
