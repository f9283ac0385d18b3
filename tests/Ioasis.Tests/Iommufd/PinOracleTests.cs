using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>
/// Random maps, copies, unmaps, attachments and pins against a model that asks for every page whether an area with a
/// domain or a driver's pin covers it: what is counted as pinned, what is charged, and how many pins each page of
/// memory has.
/// </summary>
public sealed class PinOracleTests
{
    private const ulong Page = 4096;
    private const int MemoryPages = 24, IovaPages = 32;

    [Theory]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    public void WhatIsPinnedIsWhatAPageByPageModelSays(int seed) => new Game(new Random(seed)).Play(1500);

    /// <summary>A run of memory, as mapped once and copied from there.</summary>
    private sealed record Run(int First, int Length);

    private sealed record ModelArea(int Table, int First, int Length, Run Run, int Offset);

    private sealed record ModelPin(int Table, int First, int Length);

    private sealed class Game
    {
        private readonly Random _random;
        private readonly TestMachine _machine = new();
        private readonly HostBlock _block;
        private readonly uint[] _tables;
        private readonly IommufdDevice[] _devices;
        private readonly bool[] _attached = new bool[2];
        private readonly IommufdAccess[] _accesses = new IommufdAccess[2];
        private readonly List<ModelArea> _areas = [];
        private readonly List<ModelPin> _pins = [];

        internal Game(Random random)
        {
            _random = random;
            _block = _machine.Program.Own.Allocate(MemoryPages * Page);
            _tables = [_machine.NewIoas(), _machine.NewIoas()];
            _devices = [_machine.Bind(), _machine.Bind()];
            for (int i = 0; i < 2; i++)
            {
                int table = i;
                var owner = new TestAccessOwner { OnUnmap = (iova, length) => UnpinAll(table, iova, length) };
                _accesses[i] = IommufdAccess.Create(_machine.Context, owner);
                Assert.Equal(Errno.None, _accesses[i].Attach(_tables[i]));
            }
        }

        internal void Play(int steps)
        {
            for (int step = 0; step < steps; step++)
            {
                int table = _random.Next(2);
                switch (_random.Next(8))
                {
                    case 0 or 1: Map(table); break;
                    case 2: Copy(table); break;
                    case 3: Unmap(table); break;
                    case 4 or 5: Pin(table); break;
                    case 6: Unpin(); break;
                    default: if (_random.Next(4) == 0) Attach(table); break;
                }

                Check();
            }

            for (int table = 0; table < 2; table++)
            {
                if (_attached[table]) _devices[table].Detach(null);
                _accesses[table].Dispose();
                Assert.Equal(Errno.None, _machine.Destroy(_tables[table]));
            }

            Assert.Equal(0UL, _machine.Program.Pins.Pinned);
            Assert.Equal(0UL, _machine.Program.UserPins.Locked);
        }

        private void Map(int table)
        {
            int length = _random.Next(1, 8), memory = _random.Next(MemoryPages - length),
                at = _random.Next(IovaPages - length);
            bool free = !_areas.Exists(a => a.Table == table && a.First < at + length && at < a.First + a.Length);
            Errno errno = _machine.Map(_tables[table], Iova(at), (ulong)_block.Address + ((ulong)memory * Page),
                (ulong)length * Page);
            Assert.Equal(free ? Errno.None : Errno.EEXIST, errno);
            if (free) _areas.Add(new ModelArea(table, at, length, new Run(memory, length), 0));
        }

        private void Copy(int table)
        {
            if (_areas.Count == 0) return;
            ModelArea from = _areas[_random.Next(_areas.Count)];
            int skip = _random.Next(from.Length), length = _random.Next(1, from.Length - skip + 1),
                at = _random.Next(IovaPages - length);
            var args = new IommuIoasCopy
            {
                Size = TestMachine.Length<IommuIoasCopy>(),
                Flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
                SrcIoasId = _tables[from.Table],
                DstIoasId = _tables[table],
                SrcIova = Iova(from.First + skip),
                DstIova = Iova(at),
                Length = (ulong)length * Page,
            };
            bool free = !_areas.Exists(a => a.Table == table && a.First < at + length && at < a.First + a.Length);
            Assert.Equal(free ? Errno.None : Errno.EEXIST, _machine.Call(IOMMU_IOAS_COPY, ref args));
            if (free) _areas.Add(new ModelArea(table, at, length, from.Run, from.Offset + skip));
        }

        private void Unmap(int table)
        {
            ModelArea? area = _areas.Find(a => a.Table == table && _random.Next(3) == 0);
            if (area is null) return;
            ulong length = (ulong)area.Length * Page;
            Assert.Equal(Errno.None, _machine.Unmap(_tables[table], Iova(area.First), ref length));
            Assert.DoesNotContain(_pins, p => p.Table == table && p.First < area.First + area.Length
                && area.First < p.First + p.Length);
            _areas.Remove(area);
        }

        private void Pin(int table)
        {
            int length = _random.Next(1, 6), at = _random.Next(IovaPages - length);
            bool mapped = Enumerable.Range(at, length).All(p => AreaAt(table, p) is not null);
            Errno errno = _accesses[table]
                .PinPages(Iova(at), (ulong)length * Page, write: false, out IReadOnlyList<PinnedPage> pages);
            Assert.Equal(mapped ? Errno.None : Errno.ENOENT, errno);
            if (!mapped) return;
            Assert.Equal(Enumerable.Range(at, length).Select(
                    p => new MemoryLocation(_block, (ulong)MemoryAt(table, p) * Page)), pages.Select(p => p.Location));
            _pins.Add(new ModelPin(table, at, length));
        }

        private void Unpin()
        {
            if (_pins.Count == 0) return;
            ModelPin pin = _pins[_random.Next(_pins.Count)];
            _pins.Remove(pin);
            _accesses[pin.Table].UnpinPages(Iova(pin.First), (ulong)pin.Length * Page);
        }

        private void Attach(int table)
        {
            uint id = _tables[table];
            if (_attached[table]) _devices[table].Detach(null);
            else Assert.Equal(Errno.None, _devices[table].Attach(null, ref id));
            _attached[table] = !_attached[table];
        }

        // The driver unpins whatever touches the range, as it must.
        private void UnpinAll(int table, ulong iova, ulong length)
        {
            foreach (ModelPin pin in _pins.Where(p => p.Table == table && Iova(p.First) <= iova + (length - 1)
                && Iova(p.First + p.Length) > iova).ToArray())
            {
                _pins.Remove(pin);
                _accesses[table].UnpinPages(Iova(pin.First), (ulong)pin.Length * Page);
            }
        }

        private void Check()
        {
            // By run, which pages of it are pinned.
            var pinned = new HashSet<(Run, int)>(ReferenceFirst.Instance);
            foreach (ModelArea area in _areas.Where(a => _attached[a.Table]))
                for (int i = 0; i < area.Length; i++) pinned.Add((area.Run, area.Offset + i));
            foreach (ModelPin pin in _pins)
            {
                for (int p = pin.First; p < pin.First + pin.Length; p++)
                {
                    ModelArea area = AreaAt(pin.Table, p)!;
                    pinned.Add((area.Run, area.Offset + (p - area.First)));
                }
            }

            Assert.Equal((ulong)pinned.Count, _machine.Program.Pins.Pinned);
            Assert.Equal((ulong)pinned.Count, _machine.Program.UserPins.Locked);
            for (int page = 0; page < MemoryPages; page++)
            {
                int expected = pinned.Count(p => p.Item1.First + p.Item2 == page);
                Assert.Equal(
                    expected, _machine.Context.CountPins(new MemoryLocation(_block, ((ulong)page * Page) + 17)));
            }
        }

        private ModelArea? AreaAt(int table, int page) =>
            _areas.Find(a => a.Table == table && page >= a.First && page < a.First + a.Length);

        private int MemoryAt(int table, int page)
        {
            ModelArea area = AreaAt(table, page)!;
            return area.Run.First + area.Offset + (page - area.First);
        }

        private static ulong Iova(int page) => ((ulong)page + 16) * Page;
    }

    /// <summary>Two runs of the same memory are two.</summary>
    private sealed class ReferenceFirst : IEqualityComparer<(Run, int)>
    {
        internal static ReferenceFirst Instance { get; } = new();

        public bool Equals((Run, int) x, (Run, int) y) => ReferenceEquals(x.Item1, y.Item1) && x.Item2 == y.Item2;

        public int GetHashCode((Run, int) obj) =>
            HashCode.Combine(System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(obj.Item1), obj.Item2);
    }
}
