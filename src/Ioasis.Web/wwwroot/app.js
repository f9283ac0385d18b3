// The frame of the page: what is shown, the screens, and whether the machine still answers.
import { html, render, useEffect, useLayoutEffect, useListener, useRef, useState } from "./html.js";
import { get } from "./api.js";
import { useMachine } from "./parts/machine.js";
import { useRoute, linkTo } from "./route.js";
import { Topology } from "./screens/topology.js";
import { Walk } from "./screens/walk.js";
import { Space } from "./screens/space.js";
import { Faults } from "./screens/faults.js";
import { Timeline } from "./screens/timeline.js";
import { Lessons } from "./screens/lessons.js";
import { Playback } from "./parts/playback.js";

// The keys 1 to 6 go to the screens.
const screens = [
  ["topology", "Topology", Topology],
  ["walk", "Walk", Walk],
  ["space", "Address space", Space],
  ["faults", "Faults", Faults],
  ["timeline", "Timeline", Timeline],
  ["lessons", "Lessons", Lessons],
];

// What becomes of the connection, in words; an open one needs none but that it is live.
const connections = {
  "": "connecting",
  open: "live",
  broken: "connection lost, trying again",
  ended: "ended",
};

function App() {
  const route = useRoute();
  const { connection } = useMachine();
  const byKey = useRef(false);
  const [about, setAbout] = useState(null);
  const [failure, setFailure] = useState(null);
  useEffect(() => {
    get("about").then(setAbout, (e) => setFailure(e.message));
  }, []);
  useListener("keydown", (e) => {
    const screen = screens[Number(e.key) - 1];
    if (!screen || e.ctrlKey || e.altKey || e.metaKey || e.target.closest?.("input, select, textarea")) return;
    byKey.current = true;
    location.hash = linkTo(screen[0]);
  });
  const [name, title, Screen] = screens.find(([one]) => one === route.screen) ?? screens[0];
  useEffect(() => {
    document.title = `${title} - ${about?.title ?? "Ioasis"}`;
  }, [title, about]);
  useLayoutEffect(() => {
    // who came by a key goes on in the screen; who followed a link stays among the links
    if (byKey.current) document.getElementById("main").focus();
    byKey.current = false;
  }, [name]);
  return html`
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main").focus(); }}>
      To the content</a>
    <header>
      <h1>Ioasis</h1>
      <p class="what">${about ? `${about.kind}: ${about.title}` : ""}</p>
      <p class="connection ${connection}" role="status">${connections[connection]}</p>
      <nav aria-label="Screens">
        ${screens.map(([one, words], i) => html`
          <a href=${linkTo(one)} aria-current=${one === name ? "page" : undefined} aria-keyshortcuts=${i + 1}
            title=${`key ${i + 1}`}>${words}</a>`)}
      </nav>
    </header>
    ${about?.kind === "recording" ? html`<${Playback} />` : null}
    <main id="main" tabindex="-1" aria-label=${title}>
      ${failure && name !== "lessons" ? html`<p class="refusal" role="alert">${failure}</p>`
        : html`<${Screen} about=${about} parameters=${route.parameters} />`}
    </main>`;
}

render(html`<${App} />`, document.body);
