using System.Collections.Concurrent;
using System.Globalization;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Devices;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Tests.Mdevs;

/// <summary>
/// Invariants 2, 6 and 8 for the types of mdevs: whatever a program writes to the registers of one, and to the
/// descriptors in its memory, nothing throws or hangs, and nothing changes outside of what is mapped. A type is fuzzed
/// because a parent in the registries offers it; no list of types is kept here.
/// </summary>
public sealed class MdevFuzzTests(ITestOutputHelper output)
{
    private const int Seeds = 3, Steps = 4000;
    private const int PageSize = 4096, MappedPages = 6, GuardPages = 2;
    private const byte Guard = 0xa5;
    private const ulong Base = 0x10000;
    private static readonly int[] s_widths = [1, 2, 4, 4, 8];

    /// <summary>Each type of each parent that a machine can have, and seeds.</summary>
    public static TheoryData<string, string, int> Types()
    {
        TheoryData<string, string, int> data = [];
        foreach (string device in Parents())
        {
            using SoftwareMachine machine = SoftwareMachine.Create(MachineDescription.Default.WithDevice(device));
            foreach ((string type, _) in machine.MdevParents.SelectMany(parent => parent.Types))
                for (int seed = 1; seed <= Seeds; seed++) data.Add(device, type, seed);
        }

        return data;
    }

    [Fact]
    public void NoTypeIsForgotten()
    {
        string[] types = [.. Types().Select(row => row.Data.Item2).Distinct()];
        foreach (string known in (string[])["mtty-1", "mtty-2", "edu-1", "dmatest-1ch", "nvme-1q"])
            Assert.Contains(known, types);
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void RandomRegistersAndDescriptorsHarmNothing(string device, string type, int seed)
    {
        ConcurrentQueue<string> messages = [];
        HostMessages.Listener = messages.Enqueue;
        using SoftwareMachine machine = SoftwareMachine.Create(MachineDescription.Default.WithDevice(device));
        using NodeTransport nodes = NodeTransport.InProcess(machine);
        string parent = machine.MdevParents[0].Name;
        MachineMdev mdev = machine.CreateMdev(type, parent, Guid.NewGuid());
        using (var run = new Run(nodes, mdev.VfioNode, new Random(seed)))
        {
            for (int step = 0; step < Steps; step++) run.Step();
            run.Check();
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{run.Answered} of {run.Accesses} accesses answered, {run.Written} pages written by the device"));
            Assert.InRange(run.Answered, run.Accesses / 10, run.Accesses);
        }

        Assert.Empty(messages);
    }

    /// <summary>The parents: those that are no functions, and each model that is told how many mdevs to have.</summary>
    private static IEnumerable<string> Parents()
    {
        foreach (string name in MdevParentRegistry.Names.Where(IsBuiltIn)) yield return name;
        ModelTable<PciDeviceModel> models = ModelRegistry.Models;
        foreach (string model in models.Names.Where(m => models.PropertiesOf(m).Contains("mdevs")))
            yield return $"{model}@1000:00:05.0,mdevs=2";
    }

    /// <summary>Other tests add parents of their own, which misbehave.</summary>
    private static bool IsBuiltIn(string name) =>
        MdevParentRegistry.Create(name).GetType().Assembly == typeof(IMdevParent).Assembly;

    /// <summary>A program that has an mdev, and memory of which the ends are not mapped.</summary>
    private sealed class Run : IDisposable
    {
        private readonly Random _random;
        private readonly IommuContext _context;
        private readonly Ioas _ioas;
        private readonly UserMemory _memory;
        private readonly VfioDevice _device;
        private readonly VfioRegion[] _regions;
        private readonly byte[] _readOnly = new byte[PageSize]; // what the page that the device may only read has

        internal Run(NodeTransport nodes, string node, Random random)
        {
            _random = random;
            _context = IommuContext.Open(nodes);
            _ioas = _context.AllocateIoas();
            _memory = nodes.Allocate((ulong)((MappedPages + (2 * GuardPages)) * PageSize));
            FillGuards();
            _device = VfioDevice.Open(nodes, node);
            _device.Bind(_context);
            _device.Attach(_ioas);
            random.NextBytes(_readOnly);
            Map();
            _regions = [.. Enumerable.Range(0, 8).Select(index => _device.GetRegion((uint)index))];
            _device.EnableBusMaster();
        }

        internal int Accesses { get; private set; }

        internal int Answered { get; private set; }

        internal int Written { get; private set; }

        private static ulong MappedAt => GuardPages * PageSize;

        internal void Step()
        {
            switch (_random.Next(100))
            {
                case 0:
                    _device.Reset();
                    _device.EnableBusMaster();
                    break;
                case 1:
                    _ioas.UnmapAll();
                    CheckGuards();
                    Map();
                    break;
                case 2:
                    _device.Detach();
                    _device.Attach(_ioas);
                    break;
                case < 30:
                    WriteDescriptor();
                    break;
                case < 60:
                    Access(0); // the registers
                    break;
                case < 65:
                    Beckon();
                    break;
                default:
                    Access(_random.Next(_regions.Length));
                    break;
            }
        }

        /// <summary>Nothing moves any more after a reset, and nothing has changed outside of the mapping.</summary>
        internal void Check()
        {
            _device.Reset();
            Written = Enumerable.Range(0, MappedPages - 1).Count(page =>
                _memory.ToArray(MappedAt + (ulong)(page * PageSize), PageSize).AsSpan().ContainsAnyExcept((byte)0));
            _ioas.UnmapAll();
            CheckGuards();
            _device.GetRegion(7).Read<ushort>(0);
        }

        public void Dispose()
        {
            _device.Dispose();
            _context.Dispose();
            _memory.Dispose();
        }

        private void FillGuards()
        {
            var guard = new byte[GuardPages * PageSize];
            Array.Fill(guard, Guard);
            _memory.CopyFrom(0, guard);
            _memory.CopyFrom((GuardPages + MappedPages) * PageSize, guard);
        }

        /// <summary>All pages but the last can be written.</summary>
        private void Map()
        {
            _memory.CopyFrom(MappedAt + ((MappedPages - 1) * PageSize), _readOnly);
            _ioas.Map(new Hva(_memory.Address.Value + MappedAt), (MappedPages - 1) * PageSize, MapAccess.ReadWrite,
                new Iova(Base));
            _ioas.Map(new Hva(_memory.Address.Value + MappedAt + ((MappedPages - 1) * PageSize)), PageSize,
                MapAccess.Read, new Iova(Base + ((MappedPages - 1) * PageSize)));
        }

        private void CheckGuards()
        {
            byte[] low = _memory.ToArray(0, GuardPages * PageSize),
                high = _memory.ToArray((GuardPages + MappedPages) * PageSize, GuardPages * PageSize);
            Assert.False(low.AsSpan().ContainsAnyExcept(Guard) || high.AsSpan().ContainsAnyExcept(Guard));
            Assert.Equal(_readOnly, _memory.ToArray(MappedAt + ((MappedPages - 1) * PageSize), PageSize));
        }

        private void WriteDescriptor()
        {
            ulong at = MappedAt + (ulong)_random.Next((MappedPages - 1) * PageSize / 64) * 64;
            for (ulong offset = 0; offset < 64; offset += 8) _memory.Write(at + offset, Value());
        }

        /// <summary>What gets a device going: addresses of memory in the registers near zero.</summary>
        private void Beckon()
        {
            for (ulong offset = 0; offset < 0x80; offset += 8)
                if (_random.Next(3) == 0) Write(_regions[0], offset, _random.Next(2) == 0 ? 4 : 8, Value());
        }

        private void Access(int index)
        {
            VfioRegion region = _regions[index];
            int width = s_widths[_random.Next(s_widths.Length)];
            ulong size = region.Size, offset = _random.Next(8) switch
            {
                0 => size - (ulong)_random.Next(9), // near the end, and beyond it
                1 => (ulong)_random.NextInt64(),
                2 => (ulong)_random.NextInt64((long)size + 1),
                _ => (ulong)_random.Next((int)Math.Min(size + 1, 0x1100)),
            };
            if (_random.Next(4) != 0) offset -= offset % (uint)width;
            if (index == 7 && offset < 8) offset = 8; // bus mastering stays on
            offset &= (1UL << 40) - 1; // beyond that is another region
            if (_random.Next(3) == 0) Read(region, offset, width);
            else Write(region, offset, width, Value());
        }

        private void Read(VfioRegion region, ulong offset, int width) =>
            Try(() => region.Read(offset, new byte[width]));

        private void Write(VfioRegion region, ulong offset, int width, ulong value) =>
            Try(() => region.Write(offset, BitConverter.GetBytes(value).AsSpan(0, width)));

        /// <summary>An access beyond the end is an errno.</summary>
        private void Try(Action access)
        {
            Accesses++;
            try
            {
                access();
                Answered++;
            }
            catch (IommuException e) when (e.Errno is Errno.EFAULT or Errno.EINVAL or Errno.EIO)
            {
            }
        }

        /// <summary>A number as descriptors have it: mostly small, or an address near what is mapped.</summary>
        private ulong Value() => _random.Next(6) switch
        {
            0 => (ulong)_random.NextInt64(),
            1 => (uint)_random.Next(),
            2 => (ulong)_random.Next(16),
            3 => ulong.MaxValue >> _random.Next(64),
            _ => Base - PageSize + (ulong)(_random.Next((MappedPages + 2) * PageSize) & ~(_random.Next(2) * 4095)),
        };
    }
}
