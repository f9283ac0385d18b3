// Arithmetic of addresses and views. Addresses have up to 64 bits, so they are BigInt: a Number is exact to 53 bits.
// A view is {first, last}, both within. A limit is the last address of a space.
const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** The address that a text means, "0x10000" or "65536"; null if it means none. */
export function parseAddress(text) {
  const word = String(text ?? "").trim().replaceAll("_", "");
  if (!/^(0x[0-9a-f]+|[0-9]+)$/i.test(word)) return null;
  const value = BigInt(word);
  return value < 1n << 64n ? value : null;
}

export const hex = (address) => `0x${address.toString(16)}`;
export const least = (a, b) => (a < b ? a : b);
export const most = (a, b) => (a > b ? a : b);
export const sizeOf = (view) => view.last - view.first + 1n;

/** A size in words: exact where it is a whole number of a unit, else with "about". */
export function sizeText(bytes) {
  if (bytes === 1n) return "1 byte";
  let unit = 0;
  let scale = 1n;
  while (unit + 1 < units.length && bytes >= scale * 1024n) { unit++; scale *= 1024n; }
  if (bytes % scale === 0n) return `${bytes / scale} ${units[unit]}`;
  const tenths = (bytes * 10n + scale / 2n) / scale;
  return `${tenths * scale === bytes * 10n ? "" : "about "}${tenths / 10n}.${tenths % 10n} ${units[unit]}`;
}

/** A count with its digits in groups. */
export const countText = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

/** The view moved and cut so that it lies in [0, limit]. */
export function into(view, limit) {
  const size = least(sizeOf(view), limit + 1n);
  const first = least(most(view.first, 0n), limit + 1n - size);
  return { first, last: first + size - 1n };
}

/** Makes the view numerator/denominator as large; the address `around` stays where it is, as far as bytes allow. */
export function zoom(view, around, numerator, denominator, limit, smallest = 64n) {
  const size = sizeOf(view);
  let wanted = size * numerator / denominator;
  if (wanted === size && numerator > denominator) wanted++;
  wanted = least(most(wanted, smallest), limit + 1n);
  const first = around - (around - view.first) * wanted / size;
  return into({ first, last: first + wanted - 1n }, limit);
}

/** Moves the view by so many addresses, within the space. */
export const move = (view, by, limit) => into({ first: view.first + by, last: view.last + by }, limit);

/** The view of [first, last] with a twentieth of room at each side. */
export function around(first, last, limit, smallest = 64n) {
  const room = most((last - first + 1n) / 20n, 1n);
  const view = { first: first - room, last: last + room };
  const lack = smallest - sizeOf(view);
  return into(lack > 0n ? { first: view.first - lack / 2n, last: view.last + (lack + 1n) / 2n } : view, limit);
}

/** Where an address begins, in pixels from the left; it may be outside. The error is far below a pixel. */
export const toPixel = (address, view, width) => Number(address - view.first) / Number(sizeOf(view)) * width;

/** The addresses that a column of pixels stands for, exactly; of columns narrower than an address, that address. */
export function ofPixel(x, view, width) {
  const size = sizeOf(view);
  const column = BigInt(Math.max(0, Math.min(width - 1, Math.floor(x))));
  const first = view.first + size * column / BigInt(width);
  return { first, last: most(first, view.first + size * (column + 1n) / BigInt(width) - 1n) };
}

/** A round step, of which at most `count` fit into the view: a power of two, as page tables have. */
export function step(view, count) {
  let one = 1n;
  while (sizeOf(view) / one > BigInt(count)) one *= one < 16n ? 2n : 4n;
  return one;
}

/** The gaps between ascending ranges of [0, limit]: what cannot be mapped. */
export function gaps(ranges, limit) {
  const found = [];
  let next = 0n;
  for (const { first, last } of ranges) {
    if (first > next) found.push({ first: next, last: first - 1n });
    next = last + 1n;
  }
  if (next <= limit) found.push({ first: next, last: limit });
  return found;
}

/** The index of the range of an ascending list that holds the address, or of the first after it. */
export function indexAt(ranges, address) {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle].last < address) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The last address of the smallest usual space that has all ranges: 48, 57 or 64 bits. */
export function limitOf(ranges) {
  const last = ranges.reduce((end, range) => most(end, range.last), 0n);
  return (1n << (last < 1n << 48n ? 48n : last < 1n << 57n ? 57n : 64n)) - 1n;
}
