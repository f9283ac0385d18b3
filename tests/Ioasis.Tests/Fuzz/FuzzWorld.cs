using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;
using Ioasis.Tests.Faults;
using Ioasis.Tests.Iommufd;
using Ioasis.Tests.Vfio;
using Ioasis.Units.Vtd;

namespace Ioasis.Tests.Fuzz;

/// <summary>
/// What the threads of a fuzz run share: a machine, the open files of one program, its memory and eventfds. Everything
/// is scarce, so that the threads meet: two contexts, three functions in two groups, a few pages.
/// </summary>
internal sealed class FuzzWorld : IDisposable
{
    internal const ulong Page = 4096;
    internal const int FirstContext = 10, FirstDevice = 20, FirstGroup = 30, FirstEvent = 40, MemoryFile = 50,
        NullFile = 51, FirstHanded = 60;
    internal const int ContextCount = 2, FilesPerDevice = 2, EventCount = 3, HandedCount = 2, BlockCount = 4,
        BlockPages = 8;

    private readonly SoftwareMachine _machine;
    private readonly OwnAddressSpace _memory = new();
    private readonly FaultyMemory _faulty;
    private long _points;
    private readonly HostBlock[] _blocks = new HostBlock[BlockCount];
    private readonly List<HostBlock> _freed = [];
    private readonly HostBlock _file;
    private readonly FakeEvent[] _events = [.. Enumerable.Range(0, EventCount).Select(_ => new FakeEvent())];

    // Guards the blocks. Nothing else is locked while it is held.
    private readonly Lock _lock = new();

    internal FuzzWorld(int seed)
    {
        _faulty = new FaultyMemory(_memory, holds: true) { Plan = FaultPlan.Of((_, _) => Disturb(seed)) };
        // The unit's address width is small, and one of the units records what is written: HWPTs of both meet in an
        // IOAS.
        _machine = SoftwareMachine.Create(new MachineDescription
        {
            Units = [new UnitDescription("dmar0", name => new VtdUnit(name, new VtdFeatures())),
                new UnitDescription("dmar1",
                    name => new VtdUnit(name, new VtdFeatures { AddressBits = 39, DirtyTracking = false }))],
            Devices = [Device("dmatest", 3, "dmar0", 1), Device("edu", 4, "dmar0", 1),
                Device("dmatest", 5, "dmar1", 2)],
        });
        _file = new HostBlock(BlockPages * Page);
        for (int i = 0; i < BlockCount; i++) _blocks[i] = _memory.Allocate(BlockPages * Page);

        static DeviceDescription Device(string model, byte slot, string unit, int group) =>
            new(model, new RequesterId(0, 0, slot, 0), unit, group, new Dictionary<string, string>());
    }

    internal OpenFiles Files { get; } = new();

    /// <summary>The program's memory. Copies fail now and then, and let other threads go first.</summary>
    internal AddressSpace Memory => _faulty;

    /// <summary>The same, to put something there.</summary>
    internal OwnAddressSpace Own => _memory;

    /// <summary>What is pinned in the name of the program, and of its user.</summary>
    internal TestPins Pins { get; } = new() { Limit = 24 * Page };

    internal UserPins UserPins { get; } = new();

    internal int DeviceCount => _machine.Devices.Count;

    internal IReadOnlyList<MachineDevice> MachineDevices => _machine.Devices;

    internal INode Node(string path) => ((VirtualDevice)_machine.Paths[path]).Node;

    /// <summary>
    /// The number of an object of a kind in the context that most calls go to; null while there is none.
    /// </summary>
    internal uint? IdOf<T>(Random random) where T : IommufdObject
    {
        if (Files.Hold(FirstContext) is not { } handle) return null;
        List<T> all = ((IommufdContext)handle.File).Objects.All<T>();
        Files.Release(handle);
        return all.Count == 0 ? null : all[random.Next(all.Count)].Id;
    }

    /// <summary>The node that a descriptor is opened from; null for one that is none of a node's.</summary>
    internal INode? NodeOf(int descriptor) => descriptor switch
    {
        >= FirstContext and < FirstContext + ContextCount => Node("/dev/iommu"),
        >= FirstDevice and < FirstDevice + (3 * FilesPerDevice) =>
            Node($"/dev/vfio/devices/vfio{(descriptor - FirstDevice) / FilesPerDevice}"),
        >= FirstGroup and < FirstGroup + 2 => Node($"/dev/vfio/{descriptor - FirstGroup + 1}"),
        _ => null,
    };

    /// <summary>What a descriptor that is no node's stands for.</summary>
    internal bool TryGetOther(int descriptor, [NotNullWhen(true)] out IOpenFile? file)
    {
        file = descriptor switch
        {
            >= FirstEvent and < FirstEvent + EventCount => _events[descriptor - FirstEvent].Open(),
            MemoryFile => new SharedFile(_faulty, _file),
            NullFile => OtherFile.Instance,
            _ => null,
        };
        return file is not null;
    }

    internal HostBlock Block(int index)
    {
        lock (_lock) return _blocks[index];
    }

    /// <summary>munmap and mmap of one block.</summary>
    internal void Renew(int index)
    {
        HostBlock fresh = _memory.Allocate(BlockPages * Page), former;
        lock (_lock)
        {
            (former, _blocks[index]) = (_blocks[index], fresh);
            _freed.Add(former);
        }

        _memory.Free(former);
    }

    /// <summary>
    /// What must hold when every file is closed: nothing is held, claimed, attached or within an access.
    /// </summary>
    internal void AssertGivenBack()
    {
        Assert.Equal(0, _faulty.Backings);
        Assert.Equal((0UL, 0UL, 0UL), (Pins.Pinned, Pins.Locked, UserPins.Locked));
        foreach (HostBlock block in _blocks) _memory.Free(block);
        Assert.All(_freed.Concat(_blocks), b => Assert.False(b.TryAddReference(), "a mapping still holds memory"));
        _file.Dispose();
        Assert.False(_file.TryAddReference(), "a mapping still holds the file");
        Assert.All(_events, e => Assert.Equal(0, e.Holders));
        foreach (MachineDevice device in _machine.Devices)
        {
            Endpoint endpoint = device.Endpoint;
            Assert.False(endpoint.Group.IsClaimed, $"group {endpoint.Group.Id} is claimed");
            Assert.Same(endpoint.Group.DefaultDomain, endpoint.Attached);
            for (uint pasid = 0; pasid < 16; pasid++) Assert.Null(endpoint.AttachedTo(new Pasid(pasid)));
            Assert.False(endpoint.CanSend);

            // It is usable by the next program: its group can be opened, and its node be bound.
            Assert.Equal(Errno.None,
                Node($"/dev/vfio/{endpoint.Group.Id}").Open(new PlainCarrier(), out NodeFile? group));
            group!.Close();
            using DmaPort port = endpoint.OpenPort();
            Assert.False(port.Read(new Iova(0), new byte[1]).IsOk);
        }
    }

    public void Dispose() => _machine.Dispose();

    /// <summary>Lets one in so many copies fail; before others, another thread gets its turn.</summary>
    private bool Disturb(int seed)
    {
        ulong hash =
            unchecked((ulong)(Interlocked.Increment(ref _points) + ((long)seed << 32)) * 0x9e37_79b9_7f4a_7c15) >> 56;
        if (hash < 16) Thread.Yield();
        else if (hash < 20) Thread.SpinWait(200);
        return hash == 255;
    }

    /// <summary>A memfd.</summary>
    private sealed class SharedFile(FaultyMemory memory, HostBlock block) : IMemoryFile
    {
        public Errno Reference(ulong start, ulong length, bool writable, out MemoryBacking? backing)
        {
            backing = memory.Count(new FilePart(block, start, length, writable));
            return Errno.None;
        }
    }

    private sealed class FilePart(HostBlock block, ulong start, ulong length, bool writable)
        : MemoryBacking(length, writable, start)
    {
        private int _held;

        public override bool IsFile => true;

        public override nint DirectAddress => Volatile.Read(ref _held) == 0 ? 0 : block.Address + (nint)AlignmentHint;

        public override bool TryPopulate(ulong offset, ulong length)
        {
            ulong first = AlignmentHint + offset;
            if (first < offset || first > block.Length || length > block.Length - first || !block.TryAddReference())
                return false;
            if (Interlocked.Exchange(ref _held, 1) != 0) block.Release();
            return true;
        }

        public override bool TryRead(ulong offset, Span<byte> destination) => false;

        public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => false;

        protected override void Free()
        {
            if (_held != 0) block.Release();
        }
    }
}
