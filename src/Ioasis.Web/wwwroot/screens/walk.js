// How an address of a device is translated, step by step. All that is asked stands in the URL.
import { html, useEffect, useListener, useState } from "../html.js";
import { get } from "../api.js";
import { useMachine } from "../parts/machine.js";
import { parseAddress } from "../parts/addresses.js";
import { AddressBits, StepGrid, StepInFull, WalkEnd } from "../parts/walk-steps.js";
import { replace } from "../route.js";

/** The names that can be walked, each with what it is: functions, vDPA devices and mdevs. */
const walkable = (state) => [
  ...state.devices.map((d) => ({ name: d.device, is: d.model, has: d.attachments })),
  ...(state.mdevs ?? []).map((m) => ({ name: m.mdev, is: m.type, has: m.attachments })),
];

export function Walk({ parameters }) {
  const { state, version } = useMachine();
  const [answer, setAnswer] = useState(null);
  const [failure, setFailure] = useState(null);
  const { device, pasid, address, write } = parameters;
  const go = (news) => replace("walk", { ...parameters, ...news });

  useEffect(() => {
    if (!device || !address) return setAnswer(null);
    const stop = new AbortController();
    get("walk", { device, pasid, address, write: write ? "true" : undefined }, stop.signal).then(
      (one) => { setAnswer({ ...one, asked: address }); setFailure(null); },
      (e) => { if (!stop.signal.aborted) { setFailure(e.message); setAnswer(null); } });
    return () => stop.abort();
  }, [device, pasid, address, write, version]);

  const steps = answer?.steps ?? [];
  const shown = Math.min(parameters.step === undefined ? 1 : parameters.step === "all" ? steps.length
    : Math.max(1, Number(parameters.step) || 1), steps.length);
  const [chosen, choose] = useState(null);
  const current = chosen !== null && chosen < shown ? chosen : shown - 1;
  const show = (count) => {
    choose(null);
    go({ step: Math.max(1, Math.min(count, steps.length)) });
  };
  useListener("keydown", (e) => {
    const typing = e.target.closest?.("input, select, textarea");
    if (!steps.length || typing || e.ctrlKey || e.altKey || e.metaKey) return;
    const count = { ArrowRight: shown + 1, ArrowLeft: shown - 1, Home: 1, End: steps.length,
      " ": e.target.closest?.("button, a") ? undefined : shown + 1 }[e.key];
    if (count === undefined) return;
    e.preventDefault();
    show(count);
  });

  return html`
    <h2>Walk</h2>
    <${Question} key=${`${device} ${pasid} ${address} ${write}`} state=${state} parameters=${parameters}
      ask=${(one) => { choose(null); replace("walk", one); }} />
    ${failure ? html`<p class="refusal" role="alert">${failure}</p>` : null}
    ${!steps.length ? null : html`
      <${AddressBits} address=${parseAddress(answer.asked) ?? 0n} steps=${steps.slice(0, shown)} current=${current} />
      <p class="walk-keys">
        <button onClick=${() => show(shown - 1)} disabled=${shown <= 1}>Back</button>
        <button onClick=${() => show(shown + 1)} disabled=${shown >= steps.length}>Next step</button>
        <button onClick=${() => { choose(null); go({ step: "all" }); }} disabled=${shown >= steps.length}>All</button>
        <span class="quiet">${shown} of ${steps.length} steps; space and arrow keys go on and back</span></p>
      <${StepGrid} steps=${steps} shown=${shown} current=${current} choose=${choose} />
      ${shown === steps.length ? html`<${WalkEnd} answer=${answer} />` : null}
      <${StepInFull} step=${steps[current]} number=${current + 1} of=${steps.length} />`}`;
}

function Question({ state, parameters, ask }) {
  const devices = state ? walkable(state) : [];
  const [device, setDevice] = useState(parameters.device ?? "");
  const wrong = parameters.address && parseAddress(parameters.address) === null;
  const pasids = devices.find((d) => d.name === device)?.has.map((a) => a.pasid).filter((p) => p !== undefined) ?? [];
  const submit = (e) => {
    e.preventDefault();
    const form = new FormData(e.target);
    ask({ device: form.get("device"), pasid: form.get("pasid").trim(), address: form.get("address").trim(),
      write: form.get("access") === "write" ? 1 : undefined, step: parameters.step === "all" ? "all" : undefined });
  };
  return html`<form class="walk-form" onSubmit=${submit}>
    <label>Device <select name="device" required value=${device} onChange=${(e) => setDevice(e.target.value)}>
      ${parameters.device && !devices.some((d) => d.name === parameters.device)
        ? html`<option value=${parameters.device}>${parameters.device}</option>` : null}
      ${devices.map((d) => html`<option value=${d.name}>${d.name} ${d.is}</option>`)}</select></label>
    <label>PASID <input name="pasid" inputmode="numeric" pattern="[0-9]*" placeholder="none" size="7" list="walk-pasids"
      defaultValue=${parameters.pasid ?? ""} /></label>
    <datalist id="walk-pasids">${pasids.map((p) => html`<option value=${p} />`)}</datalist>
    <label>Address <input name="address" required size="20" placeholder="0x1000" spellcheck="false" autocomplete="off"
      aria-invalid=${wrong ? "true" : undefined} defaultValue=${parameters.address ?? ""} /></label>
    <fieldset><legend class="hidden">Access</legend>
      <label><input type="radio" name="access" value="read" defaultChecked=${!parameters.write} /> read</label>
      <label><input type="radio" name="access" value="write" defaultChecked=${Boolean(parameters.write)} />
        ${" "}write</label>
    </fieldset>
    <button type="submit">Walk</button>
  </form>`;
}
