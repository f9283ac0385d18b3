using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Tests.DmaApi;

/// <summary>
/// Random maps, unmaps, syncs, lists, coherent memory and device accesses, beside a model by the byte: a device reads
/// and writes exactly what the model says.
/// </summary>
public sealed class DmaModelTests
{
    private const int Page = 4096, MemorySize = 16 * Page, Most = 24;

    [Theory]
    [InlineData(1, 24, false)]
    [InlineData(2, 32, false)]
    [InlineData(3, 64, false)]
    [InlineData(4, 24, true)]
    [InlineData(5, 64, true)]
    public void ADeviceReadsAndWritesWhatTheModelSays(int seed, int bits, bool bounces)
    {
        int steps = DmaDeviceBench.Number("IOASIS_DMA_STEPS", 200_000);
        using var run = new Run(seed, bits, bounces);
        for (int step = 0; step < steps; step++) run.Step();
        run.UnmapAll();
    }

    /// <summary>A mapping as the model has it.</summary>
    private sealed class Model
    {
        internal required ulong First { get; init; }

        internal required int Length { get; init; }

        internal required int Offset { get; init; } // in the memory

        internal required DmaDirection Direction { get; init; }

        internal required Action Unmap { get; init; }

        internal Action<int, int>? ForCpu { get; init; }

        internal Action<int, int>? ForDevice { get; init; }

        /// <summary>What the device sees: the memory itself, or a copy.</summary>
        internal byte[]? Copy { get; init; }

        internal bool Reads => Direction is DmaDirection.ToDevice or DmaDirection.Bidirectional;

        internal bool Writes => Direction is DmaDirection.FromDevice or DmaDirection.Bidirectional;
    }

    private sealed class Run : IDisposable
    {
        private readonly Random _random;
        private readonly DmaDeviceBench _bench;
        private readonly DmaMemory _memory;
        private readonly byte[] _expected = new byte[MemorySize];
        private readonly List<Model> _live = [];
        private readonly ulong _mask;
        private readonly bool _bounces;

        internal Run(int seed, int bits, bool bounces)
        {
            _random = new Random(seed);
            _bounces = bounces;
            _bench = new DmaDeviceBench(options: new DmaDeviceOptions { BouncesAlways = bounces });
            _mask = bits == 64 ? ulong.MaxValue : (1UL << bits) - 1;
            Assert.Equal(IommuStatus.Ok, _bench.Device.SetMaskAndCoherent(bits));
            _memory = _bench.Domain.AllocateMemory(MemorySize);
        }

        internal void Step()
        {
            switch (_random.Next(10))
            {
                case 0 when _live.Count < Most: Map(); break;
                case 1 when _live.Count < Most: MapList(); break;
                case 2 when _live.Count > 0: Unmap(_random.Next(_live.Count)); break;
                case 3 when _live.Count > 0: Sync(_live[_random.Next(_live.Count)]); break;
                case 4: WriteByCpu(); break;
                default:
                    if (_live.Count > 0) Access(_live[_random.Next(_live.Count)]);
                    break;
            }
        }

        internal void UnmapAll()
        {
            while (_live.Count > 0) Unmap(0);
            var bytes = new byte[MemorySize];
            _memory.Bytes.CopyTo(0, bytes);
            Assert.Equal(_expected, bytes);
            Assert.Equal(0, _bench.Device.Live);
            Assert.Equal(0, _bench.Device.OutsideWrites);
        }

        public void Dispose()
        {
            _memory.Dispose();
            _bench.Dispose();
        }

        private void Map()
        {
            int offset = _random.Next(MemorySize), length = 1 + _random.Next(Math.Min(MemorySize - offset, 3 * Page));
            DmaDirection direction = (DmaDirection)_random.Next(4);
            Assert.Equal(IommuStatus.Ok, _bench.Device.Map(
                _memory, (ulong)offset, (ulong)length, direction, out DmaMapping mapping));
            Add(mapping.Address.Value, offset, length, direction, mapping.Dispose,
                (at, count) => mapping.SyncForCpu((ulong)at, (ulong)count),
                (at, count) => mapping.SyncForDevice((ulong)at, (ulong)count));
        }

        /// <summary>The segments of a list are mappings of their own in the model; the last of them unmaps.</summary>
        private void MapList()
        {
            var pieces = new DmaPiece[1 + _random.Next(4)];
            for (int i = 0; i < pieces.Length; i++)
            {
                int offset = _random.Next(MemorySize);
                pieces[i] = new DmaPiece(
                    _memory, (ulong)offset, 1 + (ulong)_random.Next(Math.Min(MemorySize - offset, 2 * Page)));
            }

            DmaDirection direction = (DmaDirection)_random.Next(3);
            Assert.Equal(IommuStatus.Ok, _bench.Device.MapScatter(pieces, direction, out DmaScatterMapping? list));
            Assert.InRange(list!.Segments.Count, 1, pieces.Length);
            Assert.Equal(pieces.Sum(p => (long)p.Length), list.Segments.Sum(s => (long)s.Length));
            int left = pieces.Length, segment = 0;
            ulong within = 0;
            foreach (DmaPiece piece in pieces)
            {
                DmaSegment part = list.Segments[segment];
                Add(part.Address.Value + within, (int)piece.Offset, (int)piece.Length, direction,
                    () => { if (--left == 0) list.Dispose(); }, null, null, isList: true);
                within += piece.Length;
                if (within != part.Length) continue;
                within = 0;
                segment++;
            }

            if (_bounces) while (left > 0) Unmap(_live.Count - 1); // copies of pieces may overlap: one after the other
        }

        private void Add(
            ulong first, int offset, int length, DmaDirection direction, Action unmap, Action<int, int>? forCpu,
            Action<int, int>? forDevice, bool isList = false)
        {
            Assert.InRange(first + (ulong)length - 1, (ulong)Page, Math.Min(_mask, (1UL << 48) - 1));
            if (!_bounces) Assert.Equal(offset % Page, (int)(first % Page));
            Assert.DoesNotContain(_live, m => m.First / Page <= (first + (ulong)length - 1) / Page
                && first / Page <= (m.First + (ulong)m.Length - 1) / Page && !isList);
            _live.Add(new Model
            {
                First = first,
                Offset = offset,
                Length = length,
                Direction = direction,
                Unmap = unmap,
                ForCpu = forCpu,
                ForDevice = forDevice,
                Copy = _bounces ? _expected.AsSpan(offset, length).ToArray() : null,
            });
        }

        private void Unmap(int which)
        {
            Model model = _live[which];
            _live.RemoveAt(which);
            model.Unmap();
            if (model.Copy is { } copy && model.Direction != DmaDirection.ToDevice)
                copy.CopyTo(_expected.AsSpan(model.Offset));
            if (model.ForCpu is null) return; // others of its list may still be there
            Assert.Null(_bench.Read(new Iova(model.First), 1));
            Assert.False(_bench.Write(new Iova(model.First), 1));
        }

        private void Sync(Model model)
        {
            int at = _random.Next(model.Length), count = _random.Next(model.Length - at + 1);
            if (_random.Next(2) == 0)
            {
                model.ForCpu?.Invoke(at, count);
                if (model.Copy is { } copy && model.Direction != DmaDirection.ToDevice)
                    copy.AsSpan(at, count).CopyTo(_expected.AsSpan(model.Offset + at));
            }
            else
            {
                model.ForDevice?.Invoke(at, count);
                if (model.Copy is { } copy && model.Direction != DmaDirection.FromDevice)
                    _expected.AsSpan(model.Offset + at, count).CopyTo(copy.AsSpan(at));
            }
        }

        private void WriteByCpu()
        {
            int at = _random.Next(MemorySize);
            var value = (byte)_random.Next(256);
            _memory.Bytes.Write((ulong)at, value);
            _expected[at] = value;
            Assert.Equal(_expected[at ^ 1], _memory.Bytes.Read<byte>((ulong)(at ^ 1)));
        }

        private void Access(Model model)
        {
            int at = _random.Next(model.Length), count = 1 + _random.Next(Math.Min(model.Length - at, 200));
            var iova = new Iova(model.First + (ulong)at);
            Span<byte> seen = model.Copy is { } copy ? copy.AsSpan(at, count)
                : _expected.AsSpan(model.Offset + at, count);
            if (_random.Next(2) == 0)
            {
                byte[]? read = _bench.Read(iova, count);
                Assert.Equal(model.Reads ? seen.ToArray() : null, read);
                return;
            }

            var bytes = new byte[count];
            _random.NextBytes(bytes);
            Assert.Equal(model.Writes, _bench.Write(iova, bytes));
            if (model.Writes) bytes.CopyTo(seen);
        }
    }
}
