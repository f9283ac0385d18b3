// Where each thing of the topology stands. Pure: sizes in, boxes and curves out, in pixels.
import { ranks } from "./topology-model.js";

/** The words of a line broken so that no line has more characters than fit; a long word is cut into pieces. */
export function wrap(text, most) {
  const lines = [];
  let line = "";
  for (const word of String(text).split(" ")) {
    let rest = word;
    if (line && line.length + 1 + rest.length <= most) { line += ` ${rest}`; continue; }
    if (line) lines.push(line);
    while (rest.length > most) { lines.push(rest.slice(0, most)); rest = rest.slice(most); }
    line = rest;
  }
  if (line) lines.push(line);
  return lines;
}

/**
 * The boxes {key, x, y, width, height, lines: [{text, isTitle}]} of what `fold` gave, the curves {from, to, path}, the
 * places of the buttons that unfold, and the height of all.
 * @param size {width: of all, char: width of a character, line: height of a line}
 */
export function layOut(folded, size) {
  const gap = Math.max(24, size.width * .024);
  const width = (size.width - gap * (ranks.length - 1)) / ranks.length;
  const pad = size.char * .8;
  const between = size.line * .6;
  const most = Math.max(4, Math.floor((width - 2 * pad) / size.char));
  const boxes = new Map();
  const top = size.line * 1.9; // below the names of the ranks
  const bottoms = ranks.map(() => top);
  const buttons = [];

  const make = (thing, inset = 0) => {
    const chars = most - Math.ceil(inset * 2 / size.char);
    const lines = [...wrap(thing.title, chars).map((text) => ({ text, isTitle: true })),
      ...thing.lines.flatMap((line) => wrap(line, chars)).map((text) => ({ text, isTitle: false }))];
    return { key: thing.key, width: width - 2 * inset, height: lines.length * size.line + 2 * pad, lines, thing };
  };
  const put = (rank, box, wanted) => {
    box.x = rank * (width + gap);
    box.y = Math.max(bottoms[rank], wanted);
    bottoms[rank] = box.y + box.height + between;
    boxes.set(box.key, box);
    return box;
  };
  const below = (key, rank) => folded.edges.filter(([from, to]) => from === key
    && folded.things.get(to).rank === rank).map(([, to]) => folded.things.get(to));
  const middle = (box) => box.y + box.height / 2;
  const button = (rank, above, y) => {
    const one = folded.folded.find((f) => f.rank === rank && f.above === above);
    if (!one) return 0;
    const height = size.line * 2;
    const at = Math.max(y, bottoms[rank]);
    buttons.push({ ...one, x: rank * (width + gap), y: at, width, height });
    bottoms[rank] = at + height + between;
    return bottoms[rank];
  };

  // From the left: a thing stands beside the first of those that it leads to, which need the room.
  const place = (thing, y) => {
    const box = make(thing);
    const start = Math.max(y, bottoms[thing.rank]);
    let next = start;
    if (thing.rank < 3) {
      const beside = thing.rank === 2 ? [2, 3] : [thing.rank + 1];
      for (const rank of beside) {
        for (const one of below(thing.key, rank)) {
          if (boxes.has(one.key) || rank === thing.rank) continue;
          place(one, next);
          next = Math.max(next, boxes.get(one.key).blockEnd);
        }
        next = Math.max(next, button(rank, thing.key, next) || 0);
      }
    }
    put(thing.rank, box, start);
    box.blockEnd = Math.max(next, box.y + box.height + between);
    if (thing.rank === 2) for (const mdev of below(thing.key, 2)) {
      if (boxes.has(mdev.key)) continue;
      place(mdev, box.blockEnd);
      box.blockEnd = Math.max(box.blockEnd, boxes.get(mdev.key).blockEnd);
    }
  };
  for (const rank of [0, 1, 2, 3]) {
    for (const thing of folded.things.values()) if (thing.rank === rank && !boxes.has(thing.key)) place(thing, top);
    button(rank, null, bottoms[rank]);
  }

  // To the right: beside the middle of what leads there.
  for (const rank of [4, 5]) {
    const column = [...folded.things.values()].filter((t) => t.rank === rank && !t.within).map((thing) => {
      const keys = new Set([thing.key, ...thing.parts]);
      const from = folded.edges.filter(([a, b]) => keys.has(b) && boxes.has(a)).map(([a]) => middle(boxes.get(a)));
      const box = make(thing);
      const parts = thing.parts.filter((p) => folded.things.has(p)).map((p) => make(folded.things.get(p), pad));
      box.parts = parts;
      box.height += parts.reduce((sum, part) => sum + part.height + pad, 0);
      return { box, wanted: from.length ? from.reduce((a, b) => a + b, 0) / from.length - box.height / 2 : Infinity };
    }).sort((a, b) => a.wanted - b.wanted);
    for (const { box, wanted } of column) {
      put(rank, box, Number.isFinite(wanted) ? wanted : 0);
      let y = box.y + box.height - box.parts.reduce((sum, part) => sum + part.height + pad, 0);
      for (const part of box.parts) {
        Object.assign(part, { x: box.x + pad, y });
        boxes.set(part.key, part);
        y += part.height + pad;
      }
    }
    button(rank, null, bottoms[rank]);
  }

  const curves = folded.edges.map(([from, to]) => ({ from, to, path: curve(boxes.get(from), boxes.get(to), gap) }));
  return { boxes: [...boxes.values()], curves, buttons, height: Math.max(...bottoms), column: width + gap, width, pad };
}

function curve(from, to, gap) {
  if (Math.abs(from.x - to.x) < 1) { // an mdev below its parent
    const x = from.x + from.width * .1;
    return `M${x} ${from.y + from.height}V${to.y}`;
  }
  const x1 = from.x + from.width, y1 = from.y + from.height / 2, x2 = to.x, y2 = to.y + to.height / 2;
  // a line over several ranks bends in the last gap, so that it passes between things
  const bend = Math.min(x2 - x1, gap) * .6;
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}
