using Microsoft.Playwright;

namespace Ioasis.WebTests;

/// <summary>The parts of the page that reckon: each script says what is wrong, which is nothing.</summary>
public sealed class PartsTests(WebBench bench)
{
    private const string Check = """
        const wrong = [];
        const same = (what, came, wanted) => {
          const text = (v) => JSON.stringify(v, (_, x) => (typeof x === "bigint" ? `${x}n` : x));
          if (text(came) !== text(wanted)) wrong.push(`${what}: expected ${text(wanted)}, came ${text(came)}`);
        };
        """;

    [Fact]
    public Task Addresses_of_64_bits_are_exact() => Holds("parts/addresses.js", """
        const all = (1n << 64n) - 1n;
        same("hex", a.parseAddress("0xffffffffffffffff"), all);
        same("decimal", a.parseAddress(" 9007199254740993 "), 9007199254740993n);
        for (const bad of ["", "0x", "-1", "1e3", "0x10000000000000000", "x", "1.5"])
          same(`"${bad}"`, a.parseAddress(bad), null);
        same("one more than a double has", a.hex(9007199254740993n), "0x20000000000001");
        same("exact", a.sizeText(4096n), "4 KiB");
        same("not whole", a.sizeText(4097n), "about 4.0 KiB");
        same("tenths", a.sizeText(1536n), "1.5 KiB");
        same("all", a.sizeText(1n << 64n), "16 EiB");
        same("one", a.sizeText(1n), "1 byte");
        same("columns have no gap", [...Array(7).keys()].map((x) => a.ofPixel(x, { first: 0n, last: all }, 7))
          .every((c, i, columns) => i === 0 || c.first === columns[i - 1].last + 1n), true);
        same("the last column ends with the view", a.ofPixel(6, { first: 0n, last: all }, 7).last, all);
        same("pixel", a.toPixel(all, { first: all - 9n, last: all }, 100), 90);
        same("outside", a.ofPixel(1e9, { first: 8n, last: 15n }, 4), { first: 14n, last: 15n });
        same("48 bits", a.limitOf([{ first: 0n, last: (1n << 48n) - 1n }]), (1n << 48n) - 1n);
        same("57 bits", a.limitOf([{ first: 0n, last: 1n << 48n }]), (1n << 57n) - 1n);
        same("64 bits", a.limitOf([{ first: 0n, last: all }]), all);
        same("gaps", a.gaps([{ first: 16n, last: 31n }, { first: 48n, last: 63n }], 127n),
          [{ first: 0n, last: 15n }, { first: 32n, last: 47n }, { first: 64n, last: 127n }]);
        same("no gap", a.gaps([{ first: 0n, last: all }], all), []);
        same("a step is a power of two", a.step({ first: 0n, last: (1n << 20n) - 1n }, 4), 1n << 18n);
        """);

    [Fact]
    public Task A_view_that_is_zoomed_keeps_its_place_and_its_space() => Holds("parts/addresses.js", """
        const limit = (1n << 57n) - 1n;
        let seed = 7;
        const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
        for (let i = 0; i < 2000; i++) {
          const bits = BigInt(Math.floor(random() * 50) + 7);
          const first = BigInt(Math.floor(random() * 2 ** 50)) * 64n;
          const view = a.into({ first, last: first + (1n << bits) - 1n }, limit);
          const at = view.first + a.sizeOf(view) * BigInt(Math.floor(random() * 1000)) / 1000n;
          const [n, d] = random() < .5 ? [2n, 3n] : [3n, 2n];
          const next = a.zoom(view, at, n, d, limit);
          if (next.first < 0n || next.last > limit || a.sizeOf(next) < 64n) wrong.push(`${i}: outside`);
          if (next.first > at || next.last < at) wrong.push(`${i}: the place is out of view`);
          const isFree = next.first > 0n && next.last < limit && a.sizeOf(next) > 1n << 20n;
          const [before, after] = [a.toPixel(at, view, 1000), a.toPixel(at, next, 1000)];
          if (isFree && Math.abs(before - after) > .01) wrong.push(`${i}: it moved from ${before} to ${after}`);
        }
        let view = { first: 0n, last: limit };
        for (let i = 0; i < 300; i++) view = a.zoom(view, limit, 2n, 3n, limit);
        same("the end, as near as can be", view, { first: limit - 63n, last: limit });
        for (let i = 0; i < 300; i++) view = a.zoom(view, limit, 3n, 2n, limit);
        same("and all again", view, { first: 0n, last: limit });
        same("moved no further than the end", a.move({ first: 0n, last: 99n }, limit * 2n, limit).last, limit);
        same("a page with room", a.around(0x1000n, 0x1fffn, limit).first <= 0x1000n, true);
        """);

    [Fact]
    public Task Of_questions_while_one_is_under_way_the_newest_is_asked() => Holds("parts/latest.js", """
        const asked = [], taken = [];
        let open = null, most = 0, under = 0;
        const latest = new a.Latest(async (q) => {
          asked.push(q);
          most = Math.max(most, ++under);
          await new Promise((go) => { open = go; });
          under--;
          if (q === "bad") throw new Error("no");
          return q + "!";
        }, (answer) => taken.push(answer), (e) => taken.push(e.message));
        const answered = async () => { open(); await new Promise((go) => setTimeout(go)); };
        for (const q of ["first", "second", "third", "bad"]) latest.want(q);
        await answered();
        latest.want("fifth");
        await answered();
        await answered();
        same("asked", asked, ["first", "bad", "fifth"]);
        same("taken", taken, ["first!", "no", "fifth!"]);
        same("at a time", most, 1);
        latest.want("sixth");
        latest.close();
        await answered();
        same("nothing after the end", taken.length, 3);
        """);

    [Fact]
    public Task What_is_at_an_address_is_said_exactly() => Holds("parts/spaces.js", """
        const space = { limit: (1n << 48n) - 1n, reserved: [{ first: 0xfee00000n, last: 0xfeefffffn }] };
        const known = { first: 0n, last: space.limit, runs: a.runsOf({ runs: [
          { first: "0x1000", last: "0x1fff", access: "r", maps: 1, bytes: 4096, address: "0x7f0000000000" },
          { first: "0x4000", last: "0x6fff", access: "rw", maps: 2, bytes: 8192 }] }) };
        const says = (at, exact) => a.placeText(at, a.placeAt(at, known, space), exact);
        same("a map", says(0x1010n),
          "Map 0x1000-0x1fff (4 KiB), devices may read. Memory of the program at 0x7f0000000010.");
        same("free between", says(0x2000n), "Free 0x2000-0x3fff (8 KiB).");
        same("free to the reserved window", says(0x7000n), "Free 0x7000-0xfedfffff (about 4.0 GiB).");
        same("reserved", says(0xfee00000n), "Reserved 0xfee00000-0xfeefffff (1 MiB): the window of interrupts (MSI).");
        same("free after it", a.placeAt(0xfef00000n, known, space).first, 0xfef00000n);
        same("several", says(0x5000n),
          "Near one of 2 maps of 8 KiB in 0x4000-0x6fff (12 KiB); zoom in to tell them apart.");
        same("between two of several", says(0x5000n, { address: 0x5000n, runs: [] }),
          "Free, between two maps: 2 maps of 8 KiB in 0x4000-0x6fff (12 KiB).");
        same("not asked", a.placeText(9n, a.placeAt(9n, null, space)), "Not asked yet.");
        const part = { first: 0x1800n, last: 0x3000n, runs: [] };
        same("cut", a.placeText(0x2000n, a.placeAt(0x2000n, part, space)),
          "Free, at least 0x1800-0x3000 (about 6.0 KiB).");
        same("cut, and the whole knows", a.placeText(0x2000n, a.placeAt(0x2000n, part, space, known)),
          "Free, at least 0x1800-0x3fff (10 KiB).");
        const far = { first: 0x8000n, last: 0x9000n, runs: [] };
        same("to the ends", a.placeText(0x8800n, a.placeAt(0x8800n, far, space, known)),
          "Free 0x7000-0xfedfffff (about 4.0 GiB).");
        """);

    [Fact]
    public Task Faults_that_came_before_and_after_count_once() => Holds("parts/fault-groups.js", """
        const fault = (address, more) => ({ unit: "dmar0", device: "d", address, isWrite: true, reason: "NotMapped",
          code: 5, ...more });
        const event = (iova, time) => ({ event: "io_page_fault", time, unit: "dmar0", device: "d", iova, access: "w",
          reason: "NotMapped", code: 5 });
        const groups = new a.FaultGroups();
        groups.take([event("0x1000", 1), event("0x5000", 2)]);
        groups.begin([fault("0x1000"), fault("0x1000"), fault("0x1fff"), fault("0xffffffffffffffff")]);
        groups.take([event("0x1000", 3), { event: "lost", count: 7 }]);
        const list = groups.list("");
        same("counts", list.map((g) => [g.page, g.count, g.first, g.last]),
          [[0x1000n, 4, null, 3], [0x5000n, 1, 2, 2], [0xfffffffffffff000n, 1, null, null]]);
        same("all", groups.count, 6);
        same("lost", groups.lost, 7);
        same("of another device", groups.list("e"), []);
        """);

    [Fact]
    public Task A_timeline_keeps_the_newest_events_and_says_what_is_missing() => Holds("parts/event-store.js", """
        const store = new a.EventStore(100);
        for (let i = 0; i < 250; i++) {
          store.take([{ event: "call", time: i, took: .5, thread: i % 2, call: "ioctl", path: "/dev/iommu" }]);
          if (i === 249) store.take([{ event: "lost", count: 9 }]);
        }
        same("kept", [store.count, store.forgotten], [100, 150]);
        same("tracks", store.tracks.map((t) => [t.title, t.length]),
          [["thread 0: calls", 50], ["thread 1: calls", 50]]);
        same("oldest and newest", [store.oldest, store.newest], [149.5, 249]);
        same("gap", store.gaps.map((g) => [g.time, g.count]), [[249, 9]]);
        same("nearest", store.tracks[0].nearest(200.1).item.end, 200);
        same("within a call", store.tracks[0].nearest(199.7).far, 0);
        store.take([{ event: "page_request", time: 300, device: "d", pasid: 3, group: 1 },
          { event: "page_request", time: 300, device: "d", pasid: 3, group: 2 },
          { event: "page_response", time: 301, device: "d", pasid: 3, group: 1, response: "Success" }]);
        const requests = store.tracks.at(-1);
        const { isOpen, answered, response } = requests.at(0);
        same("answered", [isOpen, answered, response], [false, 301, "Success"]);
        same("not answered", requests.at(1).isOpen, true);
        """);

    [Fact]
    public Task Rates_are_the_growth_of_totals() => Holds("parts/rates.js", """
        const totals = new a.Totals();
        totals.take({ time: 10, counts: { call: 100 } });
        totals.take({ time: 12, counts: { call: 300 } });
        same("known", [totals.has("call"), totals.has("dmaBytes")], [true, false]);
        same("rates", totals.rates("call", 9, 13, 4), [null, 100, 100, 0]);
        same("half of it", totals.rates("call", 10, 11, 1), [100]);
        totals.take({ time: 13, counts: { call: 5 } });
        same("totals that begin anew", totals.rates("call", 13, 14, 1), [0]);
        totals.take({ time: 14, counts: { call: 5 }, dmaBytes: 4096 });
        same("measured from now on", totals.has("dmaBytes"), true);
        """);

    private async Task Holds(string part, string script)
    {
        await using Scene scene = await bench.Start();
        IPage page = await scene.Open("lessons");
        string[] wrong = await page.EvaluateAsync<string[]>(
            $"async () => {{ {Check} const a = await import(new URL('{part}', document.baseURI)); {script} "
            + "return wrong; }");
        Assert.Empty(wrong);
        scene.MustBeContent();
    }
}
