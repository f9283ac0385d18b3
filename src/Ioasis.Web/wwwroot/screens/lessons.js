// Lessons: calls that a program makes one after the other, with what each changes in a machine of its own.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../html.js";
import { begin, get, leave, machine, post } from "../api.js";
import { linkTo } from "../route.js";
import { Picture } from "../parts/pictures.js";

/** Shows another machine: a lesson's, or with null that which the page was opened for. */
function show(id, hash = "#/lessons") {
  const words = new URLSearchParams(location.search);
  if (id) words.set("machine", id); else words.delete("machine");
  location.assign(`?${words}${hash}`);
}

function List({ refuse }) {
  const [lessons, set] = useState([]);
  useEffect(() => {
    get("lessons").then(set, (e) => refuse(e.message));
  }, []);
  return html`
    <h2>Lessons</h2>
    <p>Each lesson makes calls on a machine of its own. The other screens show that machine meanwhile.</p>
    <ul class="cards">
      ${lessons.map((one) => html`
        <li key=${one.name}>
          <h3>${one.title}</h3>
          <p>${one.about}</p>
          <button onClick=${() => begin(one.name).then((id) => show(id), (e) => refuse(e.message))}
            aria-label=${`Begin, ${one.steps} steps: ${one.title}`}>Begin, ${one.steps} steps</button>
        </li>`)}
    </ul>`;
}

const Code = ({ step }) => html`
  <div class="codes">
    <div><h4>C</h4><pre tabindex="0" aria-label="In C"><code>${step.c}</code></pre></div>
    <div><h4>C#</h4><pre tabindex="0" aria-label="In C#"><code>${step.csharp}</code></pre></div>
  </div>`;

function WalkOf({ walk, done }) {
  const [answer, set] = useState(null);
  useEffect(() => {
    set(null);
    if (!walk) return undefined;
    const stop = new AbortController();
    get("walk", { device: walk.device, pasid: walk.pasid, address: walk.address, write: walk.write }, stop.signal)
      .then(set, (e) => { if (!stop.signal.aborted) set({ error: e.message }); });
    return () => stop.abort();
  }, [done]);
  if (!walk) return null;
  const place = { device: walk.device, pasid: walk.pasid, address: walk.address, write: walk.write || undefined };
  return html`
    <section class="translation">
      <h3>How ${walk.address} is translated now${walk.pasid === null ? "" : `, PASID ${walk.pasid}`}</h3>
      ${answer?.error ? html`<p class="refusal">${answer.error}</p>` : html`
        <ol>${(answer?.steps ?? []).map((step) => html`
          <li class=${step.isFault ? "refusal" : step.isKept ? "kept" : ""}>
            <b>${step.stage}${step.level ? `, level ${step.level}` : ""}</b> <code>${step.address}</code>${" "}
            ${step.entry ? html`has <code>${step.entry}</code>: ` : ""}${step.says}
            ${step.isKept ? " (kept)" : ""}</li>`)}
        </ol>`}
      <p><a href=${linkTo("walk", place)}>Step through it on the screen Walk</a></p>
    </section>`;
}

const Change = ({ what, was, now }) => html`
  <li><b>${was === null ? "new" : now === null ? "gone" : "changed"}</b> ${what}
    ${now ? html`: ${was ? html`<del>${was}</del> ` : ""}<ins>${now}</ins>` : ""}</li>`;

function Result({ step, result, number }) {
  return html`
    <section class="result">
      <h3>Step ${number}: ${step.title}</h3>
      <p class="says">${result.says}</p>
      <details>
        <summary>The call in C and in C#</summary>
        <${Code} step=${step} />
      </details>
      <h4>What the machine was asked, and what came of it</h4>
      ${result.calls.length ? html`
        <ul class="calls">${result.calls.map((one) => html`
          <li class=${one.isCall ? "call" : "event"}><code>${one.text}</code></li>`)}</ul>`
        : html`<p>No call was made.</p>`}
      ${result.accesses ? html`<p class="quiet">
        Beside that, ${result.accesses} ${result.accesses === 1 ? "access" : "accesses"} of registers.</p>` : null}
      <h4>What is different</h4>
      ${result.changes.length ? html`
        <ul class="changes">${result.changes.map((one) => html`<${Change} ...${one} />`)}</ul>`
        : html`<p>Nothing in the state of the machine.</p>`}
    </section>`;
}

function Lesson({ refuse }) {
  const [lesson, set] = useState(null);
  const [shown, look] = useState(null); // a step that is looked at again
  const [isBusy, wait] = useState(false);
  const next = useRef(null);
  const take = (one) => { set(one); look(null); refuse(null); };
  useEffect(() => {
    get("lesson").then(take, (e) => refuse(e.message));
  }, []);
  const count = lesson?.done.length ?? 0;
  const isOver = lesson && count === lesson.steps.length;
  useLayoutEffect(() => {
    if (lesson) next.current?.focus({ preventScroll: count === 0 });
  }, [lesson === null, isOver]);
  if (!lesson) return html`<p class="quiet">The lesson is being asked for.</p>`;
  const go = () => {
    if (isBusy) return;
    wait(true);
    post("lesson/next", { at: count }).then(take, (e) => refuse(e.message)).finally(() => wait(false));
  };
  const again = () => leave().then(() => begin(lesson.name)).then((id) => show(id), (e) => refuse(e.message));
  const toAll = () => leave().then(() => show(null));
  const at = shown ?? count - 1;
  return html`
    <h2>${lesson.title}</h2>
    <p>${lesson.about}</p>
    <div class="lesson">
      <div class="course">
        <ol class="steps" aria-label="Steps">
          ${lesson.steps.map((step, i) => html`
            <li class=${i < count ? "done" : i === count ? "next" : ""}
              aria-current=${i === count ? "step" : undefined}>
              ${i < count ? html`<button class="link" aria-pressed=${i === at} onClick=${() => look(i)}>
                ${step.title}</button>` : step.title}</li>`)}
        </ol>
        <div class="buttons">
          ${isOver ? html`<button ref=${next} class="main" onClick=${toAll}>All lessons</button>`
            : html`<button ref=${next} class="main" onClick=${go} aria-disabled=${isBusy}>
              Next: ${lesson.steps[count].title}</button>`}
          <button onClick=${again} disabled=${count === 0}>Back to the start</button>
          ${isOver ? null : html`<button onClick=${toAll}>Leave</button>`}
        </div>
        <p class="quiet" aria-live="polite">${count} of ${lesson.steps.length} steps are done.</p>
      </div>
      <div class="now">
        <${Picture} numbers=${lesson.picture} />
        ${at >= 0 ? html`<${Result} step=${lesson.steps[at]} result=${lesson.done[at]} number=${at + 1} />` : null}
        ${at >= 0 ? html`<${WalkOf} walk=${lesson.done[at].walk} done=${`${count} ${at}`} />` : null}
        ${isOver ? null : html`
          <section><h3>The next call</h3><${Code} step=${lesson.steps[count]} /></section>`}
      </div>
    </div>`;
}

export function Lessons() {
  const [refusal, refuse] = useState(null);
  return html`
    <div class="lessons">
      ${refusal ? html`<p class="refusal" role="alert">${refusal}
        ${machine ? html` <button onClick=${() => show(null)}>All lessons</button>` : null}</p>` : null}
      ${machine ? html`<${Lesson} refuse=${refuse} />` : html`<${List} refuse=${refuse} />`}
    </div>`;
}
