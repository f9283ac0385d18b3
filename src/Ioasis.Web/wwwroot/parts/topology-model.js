// What stands on the topology: things in six ranks, and which leads to which. Pure functions of api/state.
export const ranks = ["Unit", "Group", "Device", "Requests", "Page table", "Address space"];

const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** A size in words: whole numbers of the largest unit that divides it. */
export function bytesText(bytes) {
  const names = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (unit + 1 < names.length && bytes >= 1024 && bytes % 1024 === 0) { bytes /= 1024; unit++; }
  return `${bytes} ${bytes === 1 && unit === 0 ? "byte" : names[unit]}`;
}

const keyOf = {
  unit: (name) => `unit:${name}`,
  group: (number) => `group:${number}`,
  device: (name) => `device:${name}`,
  requests: (device, pasid) => `requests:${device}/${pasid ?? "own"}`,
  hwpt: (context, id) => `hwpt:${context}/${id}`,
  ioas: (context, id) => `ioas:${context}/${id}`,
  process: (number) => `process:${number}`,
};

const enginesText = (engines) => {
  if (!engines?.length) return null;
  const busy = engines.filter((e) => e.isBusy).length;
  return busy ? `${plural(busy, "engine")} busy` : "engines idle";
};

const domainText = { default: "default domain", identity: "identity: the host's memory", blocked: "blocked",
  process: "a process", other: "another domain" };

/**
 * The things, by key, in the order in which they are drawn: {key, rank, title, lines, kind, isBusy, parts, facts}.
 * `parts` are things that are drawn within (nested page tables). And the edges [from, to].
 */
export function topologyOf(state) {
  const things = new Map();
  const edges = [];
  const add = (thing) => { things.set(thing.key, { lines: [], facts: [], parts: [], ...thing }); return thing.key; };
  const join = (from, to) => { if (things.has(from) && things.has(to)) edges.push([from, to]); };

  for (const unit of state.units) {
    const faults = plural(unit.faults, "fault");
    add({ key: keyOf.unit(unit.name), rank: 0, kind: "unit", title: unit.name, lines: [faults],
      facts: [["recorded", faults]] });
  }
  for (const group of state.groups) addGroup(group);
  for (const device of state.devices) addDevice(device);
  for (const mdev of state.mdevs ?? []) addMdev(mdev);
  for (const context of state.contexts) addContext(context);
  joinTables();
  return { things, edges };

  function addGroup(group) {
    add({ key: keyOf.group(group.group), rank: 1, kind: "group", title: `group ${group.group}`,
      lines: [group.type === "unknown" ? "no default" : group.type, ...(group.claims ? ["claimed"] : [])],
      facts: [["default domain", group.type], ["claims on its DMA", group.claims]] });
    const units = new Set(state.devices.filter((d) => d.group === group.group).map((d) => d.unit));
    for (const unit of units) join(keyOf.unit(unit), keyOf.group(group.group));
  }

  function addDevice(device) {
    const vdpa = (state.vdpa ?? []).find((v) => v.device === device.device);
    const engines = enginesText(device.engines);
    const key = add({ key: keyOf.device(device.device), rank: 2, kind: vdpa ? "vDPA device" : "device",
      title: device.device, isBusy: device.engines?.some((e) => e.isBusy) ?? false, device: device.device,
      lines: [device.model, device.driver ?? "no driver", device.canSend ? "bus master" : "bus master off",
        ...(engines ? [engines] : []), ...(device.pageRequests ? [plural(device.pageRequests, "page request")] : [])],
      facts: [["model", device.model], ["driver", device.driver ?? "none"], ["unit", device.unit],
        ["bus master", device.canSend ? "on" : "off"], ["page requests not answered", device.pageRequests],
        ...(device.engines ?? []).map((e) => [`engine ${e.name}`, e.isBusy ? "busy" : "idle"]),
        ...(vdpa ? [["virtio device", vdpa.deviceId], ["status", `0x${vdpa.status.toString(16)}`],
          ["queues", vdpa.queues], ["node", vdpa.node ?? "none"]] : [])] });
    join(keyOf.group(device.group), key);
    addAttachments(device.device, key, device.attachments);
  }

  function addMdev(mdev) {
    const engines = enginesText(mdev.engines);
    const key = add({ key: keyOf.device(mdev.mdev), rank: 2, kind: "mdev", title: `mdev ${mdev.type}`,
      isBusy: mdev.engines.some((e) => e.isBusy), device: mdev.mdev,
      lines: [`of ${mdev.parent}`, ...(engines ? [engines] : [])],
      facts: [["UUID", mdev.mdev], ["type", mdev.type], ["parent", mdev.parent], ["node", mdev.node ?? "none"],
        ...(mdev.pasid === undefined ? [] : [["its requests carry PASID", mdev.pasid]]),
        ...(mdev.canSend === undefined ? [] : [["may send", mdev.canSend ? "yes" : "no"]]),
        ...mdev.engines.map((e) => [`engine ${e.name}`, e.isBusy ? "busy" : "idle"])] });
    if (mdev.group !== undefined) join(keyOf.group(mdev.group), key);
    join(keyOf.device(mdev.parent), key);
    addAttachments(mdev.mdev, key, mdev.attachments);
    if (mdev.ioas === undefined) return;
    const access = add({ key: keyOf.requests(mdev.mdev, "software"), rank: 3, kind: "requests", title: "accesses",
      lines: ["by software"], device: mdev.mdev, ioas: keyOf.ioas(mdev.context, mdev.ioas), facts: [] });
    join(key, access);
  }

  function addAttachments(device, key, attachments) {
    for (const one of attachments) {
      const requests = add({ key: keyOf.requests(device, one.pasid), rank: 3, kind: "requests",
        title: one.pasid === undefined ? "no PASID" : `PASID ${one.pasid}`, device, pasid: one.pasid,
        lines: one.hwpt === undefined ? [domainText[one.domain] ?? one.domain] : [],
        hwpt: one.hwpt === undefined ? null : keyOf.hwpt(one.context, one.hwpt), process: one.process,
        facts: [["of", device], ["attached to", one.hwpt === undefined ? domainText[one.domain] ?? one.domain
          : `HWPT ${one.hwpt} of context ${one.context}`]] });
      join(key, requests);
    }
  }

  function addContext(context) {
    const of = [["context", `${context.context}, ${context.path}`], ["process", context.process],
      ["file", context.isOpen ? "open" : "closed; its devices keep it"]];
    const many = state.contexts.length > 1 ? [`context ${context.context}`] : [];
    const hwpts = context.objects.filter((o) => o.kind.startsWith("hwpt"));
    // a parent comes before what is nested on it
    for (const one of hwpts.toSorted((a, b) => (a.parent === undefined ? 0 : 1) - (b.parent === undefined ? 0 : 1))) {
      const kind = { hwpt_paging: "paging", hwpt_nested: "nested", hwpt_process: "process" }[one.kind] ?? "other";
      const first = one.firstStage;
      const key = add({ key: keyOf.hwpt(context.context, one.id), rank: 4, kind: `HWPT, ${kind}`,
        title: `HWPT ${one.id}`, context: context.context, process: one.process,
        isProcess: kind === "process", owner: context.process,
        ioas: one.ioas === undefined ? null : keyOf.ioas(context.context, one.ioas),
        parent: one.parent === undefined ? null : keyOf.hwpt(context.context, one.parent),
        lines: [{ paging: one.flags?.includes("nest_parent") ? "second stage" : "paging", nested: "nested: 1st stage",
          process: "a process" }[kind] ?? kind,
          ...(one.fault === undefined ? [] : [`requests: ${one.fault}`]), ...many],
        facts: [["kind", kind], ["flags", one.flags?.join(", ") || "none"],
          ...(one.fault === undefined ? [] : [["page requests go to", `fault queue ${one.fault}`]]),
          ...(one.parent === undefined ? [] : [["second stage", `HWPT ${one.parent}`]]),
          ...(first ? [["format", first.format], ["root", first.root], ["address bits", first.addressBits],
            ["first stage's flags", first.flags.join(", ") || "none"]] : []), ...of] });
      const parent = things.get(things.get(key).parent);
      if (parent) {
        parent.parts.push(key);
        things.get(key).within = parent.key;
      }
    }
    for (const one of context.objects.filter((o) => o.kind === "ioas")) {
      add({ key: keyOf.ioas(context.context, one.id), rank: 5, kind: "IOAS", title: `IOAS ${one.id}`,
        context: context.context, ioasId: one.id,
        lines: [plural(one.mapCount ?? 0, "map"), bytesText(one.mappedBytes ?? 0), ...many],
        facts: [["maps", one.mapCount], ["mapped", bytesText(one.mappedBytes ?? 0)], ...of] });
    }
  }

  function joinTables() {
    for (const thing of [...things.values()]) {
      if (thing.rank === 3 && thing.hwpt) join(thing.key, thing.hwpt);
      if (thing.rank === 3 && thing.ioas) join(thing.key, thing.ioas);
      if (thing.rank === 4 && thing.ioas) join(thing.key, thing.ioas);
      const number = thing.process ?? (thing.isProcess ? thing.owner : undefined);
      if (number === undefined || thing.hwpt) continue; // its HWPT leads there
      const process = keyOf.process(number);
      if (!things.has(process)) add({ key: process, rank: 5, kind: "process", title: "process", isProcessMemory: true,
        lines: [`${number}`, "its own memory"], facts: [["process", number], ["addresses", "its own pointers"]] });
      join(thing.key, process);
    }
  }
}

/** All that a thing leads to and all that leads to it, itself included. */
export function connectedWith(topology, key) {
  const { things, edges } = topology;
  if (!things.has(key)) return new Set();
  const onwards = (at) => [...edges.filter(([from]) => from === at).map(([, to]) => to), things.get(at).within];
  const backwards = (at) => [...edges.filter(([, to]) => to === at).map(([from]) => from), ...things.get(at).parts];
  const reach = (next) => {
    const seen = new Set([key]);
    for (const at of seen) for (const one of next(at)) if (one) seen.add(one); // a set is walked to its end as it grows
    return seen;
  };
  return new Set([...reach(onwards), ...reach(backwards)]);
}

const mostOf = { 1: 12, 2: 12, 3: 6, 4: 12, 5: 12 };

/**
 * Leaves out what is too many, unless it is unfolded or kept: {things, edges, folded: [{key, after, count}]}. Many
 * groups, many devices of a group, many requests of a device, many tables, many spaces. What is not used goes first.
 */
export function fold(topology, unfolded, kept) {
  const out = new Set();
  const folded = [];
  const used = new Set(topology.edges.filter(([from]) => topology.things.get(from).rank === 3).map(([from]) => from));
  const isUsed = (key) => used.has(key)
    || topology.edges.some(([from, to]) => from === key && topology.things.get(to).rank <= 3 && isUsed(to));
  const families = new Map();
  for (const thing of topology.things.values()) {
    if (thing.rank === 0 || thing.within) continue;
    const above = thing.rank <= 3 ? topology.edges.find(([, to]) => to === thing.key)?.[0] : null;
    const name = `${thing.rank}:${above ?? ""}`;
    if (!families.has(name)) families.set(name, []);
    families.get(name).push(thing);
  }
  for (const [name, members] of families) {
    const rank = members[0].rank;
    if (unfolded.has(name) || members.length <= mostOf[rank] + 1) continue;
    const wanted = members.toSorted((a, b) => score(b) - score(a)).slice(0, mostOf[rank]);
    const left = members.filter((m) => !wanted.includes(m) && !kept.has(m.key));
    for (const one of left) out.add(one.key);
    if (left.length) {
      folded.push({ name, rank, count: left.length, above: name.slice(name.indexOf(":") + 1) || null,
        what: [, "group", "device", "PASID", "page table", "address space"][rank] });
    }
  }
  // what stands only below what is left out goes with it
  for (let grows = true; grows;) {
    grows = false;
    for (const thing of topology.things.values()) {
      if (out.has(thing.key) || thing.rank === 0 || thing.rank > 3 || kept.has(thing.key)) continue;
      const above = topology.edges.filter(([, to]) => to === thing.key);
      if (above.length && above.every(([from]) => out.has(from))) { out.add(thing.key); grows = true; }
    }
  }
  const things = new Map([...topology.things].filter(([key, thing]) => !out.has(key) && !out.has(thing.within)));
  return { things, edges: topology.edges.filter(([a, b]) => things.has(a) && things.has(b)),
    folded: folded.filter((f) => !f.above || things.has(f.above)) };

  function score(thing) {
    return (kept.has(thing.key) ? 4 : 0) + (thing.isBusy ? 2 : 0) + (isUsed(thing.key) ? 1 : 0);
  }
}
