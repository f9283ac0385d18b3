// Where a recording is: a slider, steps and play. All screens show the machine as it was after that line.
import { html, useEffect, useState } from "../html.js";
import { askPosition, moveTo, useMachine } from "./machine.js";
import { countText } from "./addresses.js";

const tick = 100; // milliseconds
const longest = 20; // seconds that playing the whole takes at most

export function Playback() {
  const { position } = useMachine();
  const [isPlaying, setPlaying] = useState(false);
  const [wanted, want] = useState(null); // where it is to be, until the machine is there
  const lines = position?.lines ?? 0;
  const at = wanted ?? position?.at ?? 0;
  useEffect(() => {
    if (!position) askPosition();
  }, []);
  useEffect(() => {
    // a key may have come since the answer was drawn: what it wants stays
    want((line) => (position && position.at === line ? null : line));
  }, [position]);
  const move = (to) => {
    const line = Math.max(0, Math.min(lines, to));
    want(line);
    moveTo(line);
  };
  useEffect(() => {
    if (!isPlaying || wanted !== null) return undefined;
    if (at >= lines) {
      setPlaying(false);
      return undefined;
    }
    const step = Math.max(1, Math.ceil(lines / (longest * 1000 / tick)));
    const timer = setTimeout(() => move(at + step), tick);
    return () => clearTimeout(timer);
  }, [isPlaying, wanted, at, lines]);
  if (!position) return null;
  const { time, times } = position;
  const go = (to) => {
    setPlaying(false);
    move(to);
  };
  const when = times ? `${time.toFixed(6)} s of ${times[0].toFixed(3)} to ${times[1].toFixed(3)} s` : "";
  return html`
    <section class="playback" aria-label="Position in the recording" data-at=${position.at}>
      <button onClick=${() => (at >= lines && !isPlaying ? move(0) : 0, setPlaying(!isPlaying))}>
        ${isPlaying ? "Stop" : "Play"}</button>
      <button onClick=${() => go(at - 1)} disabled=${at <= 0}>Step back</button>
      <button onClick=${() => go(at + 1)} disabled=${at >= lines}>Step</button>
      <input type="range" min="0" max=${lines} value=${at} aria-label="Line of the recording"
        aria-valuetext=${`line ${at} of ${lines}, ${when}`} onInput=${(e) => go(Number(e.target.value))} />
      <span class="mono">line ${countText(at)} of ${countText(lines)}, ${when}</span>
      ${position.difference ? html`
        <p class="refusal" role="status">From line ${position.differsAt} on this machine is not the recorded one. ${
          position.difference}</p>` : null}
    </section>`;
}
