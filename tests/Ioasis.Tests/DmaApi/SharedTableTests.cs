using System.Diagnostics;
using System.Globalization;
using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Pasids;
using Ioasis.Memory;
using Ioasis.Tests.Units.Vtd;
using Ioasis.Units.Vtd.Nested;

namespace Ioasis.Tests.DmaApi;

/// <summary>
/// Requester ID and PASID write through one table without pause, on a device behind each of two units, while a third
/// device reads through a first stage. When an unmap returns, no access of either is left. With IOASIS_DMA_SECONDS it
/// goes on for as long.
/// </summary>
public sealed class SharedTableTests(ITestOutputHelper output)
{
    private const ulong Page = NestedBench.Page;
    private const int Rounds = 15, AccessesPerRound = 200, Patience = 60_000; // milliseconds

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(true, false)]
    public void AnUnmapEndsTheAccessesOfBothWhileTheyHammer(bool ats, bool otherAts)
    {
        using var run = new Run(ats, otherAts);
        for (int round = 0; round < Rounds; round++) run.Play(round);
        output.WriteLine(run.Counts);
    }

    [Fact]
    public void ForAsLongAsAsked()
    {
        if (!int.TryParse(Environment.GetEnvironmentVariable("IOASIS_DMA_SECONDS"), CultureInfo.InvariantCulture,
            out int seconds)) Assert.Skip("IOASIS_DMA_SECONDS is not set");
        const int rounds = 100; // then the devices change: ATS on or off
        long accesses = 0;
        var time = Stopwatch.StartNew();
        for (int number = 0; time.Elapsed.TotalSeconds < seconds; number++)
        {
            using var run = new Run(ats: number % 2 != 0, otherAts: number / 2 % 2 != 0);
            for (int round = 0; round < rounds && time.Elapsed.TotalSeconds < seconds; round++) run.Play(round);
            accesses += run.Accesses;
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{time.Elapsed.TotalSeconds:f0} s: {accesses} accesses; {run.Counts}"));
        }
    }

    /// <summary>The three devices, and the driver's side of two of them.</summary>
    private sealed class Run : IDisposable
    {
        private readonly Hammered[] _devices;
        private readonly Nested _nested;
        private long _rounds;

        internal Run(bool ats, bool otherAts)
        {
            NestedBench first = new(), second = new();
            var pasids = new SystemPasids(new PasidSpace(), new PasidOwner());
            _devices = [new Hammered(first, pasids, ats), new Hammered(second, pasids, otherAts)];
            _nested = new Nested(first, ats);
        }

        internal long Accesses => _nested.Reads + _devices.Sum(d => d.Engines.Sum(e => e.Done + e.Refused));

        internal string Counts
        {
            get
            {
                string engines = string.Join(", ", _devices.SelectMany(d => d.Engines)
                    .Select(e => string.Create(CultureInfo.InvariantCulture, $"{e.Done} {e.Refused}")));
                return string.Create(CultureInfo.InvariantCulture,
                    $"{_rounds} unmaps of each device, accesses done and refused {engines}, nested {_nested.Reads}");
            }
        }

        /// <summary>Maps, lets all engines write, unmaps, and finds that nobody writes any more.</summary>
        internal void Play(int round)
        {
            _rounds++;
            foreach (Hammered device in _devices) device.Map();
            Await(e => e.Done, AccessesPerRound);
            _nested.Change(round);
            foreach (Hammered device in _devices) device.Unmap();
            // An access that was under way is over when its engine has been refused one; the second begins later.
            Await(e => e.Refused, 2);
            foreach (Hammered device in _devices) device.CheckUntouched(round);
        }

        public void Dispose()
        {
            foreach (Engine engine in _devices.SelectMany(d => d.Engines)) engine.Stop();
            _nested.Stop();
            foreach (Hammered device in _devices) device.Dispose();
        }

        private void Await(Func<Engine, long> count, long more)
        {
            foreach ((Engine engine, long goal) in
                _devices.SelectMany(d => d.Engines).Select(e => (e, count(e) + more)).ToArray())
                Assert.True(SpinWait.SpinUntil(() => count(engine) >= goal, Patience), "an engine stands still");
        }
    }

    /// <summary>A device whose requester ID and PASID have one table.</summary>
    private sealed class Hammered : IDisposable
    {
        private readonly DmaDevice _device;
        private readonly SystemPasid _pasid;
        private readonly DmaMemory _memory;
        private readonly ulong[] _seen = new ulong[2];
        private DmaMapping _mapping;

        internal Hammered(NestedBench bench, SystemPasids pasids, bool ats)
        {
            Endpoint endpoint = bench.NewEndpoint();
            Assert.Equal(IommuStatus.Ok, DmaDomain.Create(endpoint, lazy: false, out DmaDomain? domain));
            Assert.Equal(IommuStatus.Ok, endpoint.Group.SetDefaultDomain(domain!.Domain));
            _device = new DmaDevice(domain, "hammered");
            _memory = domain.AllocateMemory(Page);
            Assert.Equal(IommuStatus.Ok, pasids.Acquire(endpoint, this, out SystemPasid? pasid));
            _pasid = pasid!;
            Engines = [new Engine(Port(), null, 0), new Engine(Port(), _pasid.Value, 8)];

            DmaPort Port()
            {
                DmaPort port = endpoint.OpenPort(translations: ats ? 16 : 0);
                port.UsesDeviceTlb = ats;
                Assert.Equal(ats, port.UsesDeviceTlb);
                return port;
            }
        }

        internal Engine[] Engines { get; }

        internal void Map()
        {
            Assert.Equal(IommuStatus.Ok, _device.Map(_memory, DmaDirection.FromDevice, out _mapping));
            foreach (Engine engine in Engines) engine.Target = _mapping.Address.Value;
        }

        internal void Unmap()
        {
            _mapping.Dispose();
            // An engine writes another number each time.
            for (int i = 0; i < 2; i++) _seen[i] = _memory.Bytes.Read<ulong>(Engines[i].Offset);
        }

        internal void CheckUntouched(int round)
        {
            for (int i = 0; i < 2; i++)
                Assert.True(_seen[i] == _memory.Bytes.Read<ulong>(Engines[i].Offset),
                    $"round {round}: {(i == 0 ? "the requester ID" : "the PASID")} wrote after the unmap");
        }

        public void Dispose()
        {
            _pasid.Dispose();
            _memory.Dispose();
            _device.Dispose();
        }
    }

    /// <summary>Writes to the address that it was given last, whether something is mapped there or not.</summary>
    private sealed class Engine
    {
        private readonly DmaPort _port;
        private readonly Pasid? _pasid;
        private readonly Thread _thread;
        private ulong _target;
        private long _done, _refused;
        private volatile bool _stop;

        internal Engine(DmaPort port, Pasid? pasid, ulong offset)
        {
            (_port, _pasid, Offset) = (port, pasid, offset);
            _thread = new Thread(Hammer);
            _thread.Start();
        }

        /// <summary>Where in the page it writes.</summary>
        internal ulong Offset { get; }

        internal long Done => Volatile.Read(ref _done);

        internal long Refused => Volatile.Read(ref _refused);

        internal ulong Target
        {
            set => Volatile.Write(ref _target, value);
        }

        internal void Stop()
        {
            _stop = true;
            _thread.Join();
            _port.Dispose();
        }

        private void Hammer()
        {
            var word = new byte[8];
            while (!_stop)
            {
                ulong at = Volatile.Read(ref _target);
                if (at == 0)
                {
                    Thread.Yield();
                    continue;
                }

                BitConverter.TryWriteBytes(word, _done + 1);
                var iova = new Iova(at + Offset);
                bool done = _pasid is { } pasid ? _port.Write(pasid, iova, word).IsOk : _port.Write(iova, word).IsOk;
                if (done) Volatile.Write(ref _done, _done + 1);
                else Volatile.Write(ref _refused, _refused + 1);
            }
        }
    }

    /// <summary>A device behind a first stage that changes; both caches of the unit are on.</summary>
    private sealed class Nested
    {
        private const ulong Leaf = 3 * Page, FirstData = 16;
        private const int Pages = 64;
        private readonly NestedBench _bench;
        private readonly VtdNestedDomain _domain;
        private readonly DmaPort _port;
        private readonly Thread _thread;
        private long _sweeps;
        private ulong _expected; // of page 0; 0 while it changes
        private string? _wrong;
        private volatile bool _stop;

        internal Nested(NestedBench bench, bool ats)
        {
            _bench = bench;
            for (ulong level = 0; level < 3; level++)
                bench.Write(level * Page, ((level + 1) * Page) | NestedBench.All);
            for (ulong i = 0; i < Pages; i++) bench.Write(Leaf + (i * 8), ((FirstData + i) * Page) | NestedBench.All);
            for (ulong i = 0; i <= Pages; i++) bench.Guest.Write((FirstData + i) * Page, FirstData + i);
            _domain = bench.NewDomain();
            Endpoint endpoint = bench.NewEndpoint();
            Assert.Equal(IommuStatus.Ok, endpoint.Attach(null, _domain));
            _port = endpoint.OpenPort(translations: ats ? 16 : 0);
            _port.UsesDeviceTlb = ats;
            _expected = FirstData;
            _thread = new Thread(Sweep);
            _thread.Start();
        }

        internal long Reads => Volatile.Read(ref _sweeps) * Pages;

        /// <summary>Moves page 0, and expects the device to find it when the invalidation has returned.</summary>
        internal void Change(int round)
        {
            Volatile.Write(ref _expected, 0);
            ulong page = FirstData + (round % 2 == 0 ? (ulong)Pages : 0);
            _bench.Write(Leaf, (page * Page) | NestedBench.All);
            NestedBench.Invalidate(_domain, 0, 1, leafOnly: true);
            Volatile.Write(ref _expected, page);
            long goal = Volatile.Read(ref _sweeps) + 2;
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref _sweeps) >= goal || _wrong is not null, Patience),
                "the nested device stands still");
            Assert.Null(_wrong);
        }

        internal void Stop()
        {
            _stop = true;
            _thread.Join();
            _port.Dispose();
            Assert.Null(_wrong);
        }

        private void Sweep()
        {
            while (!_stop)
            {
                for (ulong i = 0; i < Pages; i++)
                {
                    bool moves = i == 0;
                    ulong expected = moves ? Volatile.Read(ref _expected) : FirstData + i;
                    (bool ok, ulong value) = NestedBench.Read(_port, i * Page);
                    if (ok && value == expected) continue;
                    if (ok && moves && (expected == 0 || Volatile.Read(ref _expected) != expected)) continue;
                    Volatile.Write(ref _wrong, $"page {i} reads as {value}, not {expected} ({ok})");
                }

                Volatile.Write(ref _sweeps, _sweeps + 1);
            }
        }
    }
}
