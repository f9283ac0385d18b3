using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Tests.Vfio;

/// <summary>A process that makes calls: memory, and files by number.</summary>
internal sealed class FakeCaller : ICaller
{
    internal const ulong BadAddress = 8;

    private readonly OwnAddressSpace _memory = new();
    private readonly GuardedSpace _guarded;
    private readonly Dictionary<int, Func<IOpenFile>> _files = [];
    private readonly HostBlock _scratch;

    internal FakeCaller()
    {
        _scratch = _memory.Allocate(0x20000);
        _guarded = new GuardedSpace(_memory);
    }

    public AddressSpace Memory => _guarded;

    /// <summary>Whether calls may only read the process's memory.</summary>
    internal bool IsReadOnly { set => _guarded.IsReadOnly = value; }

    /// <summary>Address of a few pages of the process.</summary>
    internal ulong Scratch => (ulong)_scratch.Address;

    /// <summary>Address of the last bytes that there are.</summary>
    internal ulong ScratchEnd => Scratch + 0x20000;

    public Errno GetFile(int descriptor, out IOpenFile? file)
    {
        bool found = _files.TryGetValue(descriptor, out Func<IOpenFile>? open);
        file = found ? open!() : null;
        return found ? Errno.None : Errno.EBADF;
    }

    public SysResult InstallFile(INode node) => Errno.EMFILE;

    public SysResult InstallQueue(QueueFile queue) => Errno.EMFILE;

    public ProcessPins Pins { get; } = new Iommufd.TestPins();

    public UserPins UserPins { get; } = new();

    public bool HasCapability(int capability) => false;

    internal void Add(int descriptor, IOpenFile file) => _files[descriptor] = () => file;

    internal FakeEvent AddEvent(int descriptor)
    {
        var counter = new FakeEvent();
        _files[descriptor] = counter.Open;
        return counter;
    }

    internal HostBlock Allocate(ulong length) => _memory.Allocate(length);

    internal void Free(HostBlock block) => _memory.Free(block);

    internal void Put(ulong address, ReadOnlySpan<byte> bytes) =>
        Assert.True(_memory.TryWrite(new Hva(address), bytes));

    internal byte[] Get(ulong address, int count)
    {
        byte[] bytes = new byte[count];
        Assert.True(_memory.TryRead(new Hva(address), bytes));
        return bytes;
    }

    internal void Put<T>(ulong address, T value) where T : unmanaged =>
        Put(address, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    internal T Get<T>(ulong address) where T : unmanaged => MemoryMarshal.Read<T>(Get(address, Marshal.SizeOf<T>()));
}

/// <summary>Memory that can be made read-only.</summary>
internal sealed class GuardedSpace(OwnAddressSpace inner) : AddressSpace
{
    internal bool IsReadOnly { get; set; }

    public override bool TryRead(Hva source, Span<byte> destination) => inner.TryRead(source, destination);

    public override bool TryWrite(Hva destination, ReadOnlySpan<byte> source) =>
        !IsReadOnly && inner.TryWrite(destination, source);

    public override bool TryLocate(Hva address, out MemoryLocation location) => inner.TryLocate(address, out location);

    internal override bool TryFindMapping(Hva address, out ProcessMapping mapping) =>
        inner.TryFindMapping(address, out mapping);

    internal override MemoryBacking Reference(Hva start, ulong length, bool writable) =>
        inner.Reference(start, length, writable);
}

/// <summary>An eventfd. It counts how often it was signalled, and how many hold it.</summary>
internal sealed class FakeEvent
{
    private int _signals;
    private int _holders;

    internal int Holders => Volatile.Read(ref _holders);

    /// <summary>Signals since the last look.</summary>
    internal int Take() => Interlocked.Exchange(ref _signals, 0);

    internal int Signals => Volatile.Read(ref _signals);

    internal Action? Listener { get; private set; }

    /// <summary>Is called for signals that stay in the counter.</summary>
    internal Action? Watcher { get; private set; }

    /// <summary>The host has no thread for who would listen.</summary>
    internal Func<bool>? CannotListen { get; set; }

    /// <summary>Whether the program has no descriptor of it any more.</summary>
    internal bool IsClosed { get; set; }

    internal IEventFile Open()
    {
        Interlocked.Increment(ref _holders);
        return new Handle(this);
    }

    private sealed class Handle(FakeEvent counter) : IEventFile
    {
        private bool _disposed;

        public bool IsOpenElsewhere => !counter.IsClosed;

        public void Signal()
        {
            Assert.False(_disposed);
            Interlocked.Increment(ref counter._signals);
        }

        public Errno Listen(object listener, Action raised, out IDisposable? listening)
        {
            listening = null;
            if (counter.CannotListen?.Invoke() == true) return Errno.ENOMEM;
            counter.Listener = raised;
            listening = new Listening(counter);
            return Errno.None;
        }

        public Errno Watch(object listener, Action raised, out IDisposable? watching)
        {
            watching = null;
            if (counter.CannotListen?.Invoke() == true) return Errno.ENOMEM;
            counter.Watcher = raised;
            watching = new Watching(counter);
            if (counter.Signals != 0) raised();
            return Errno.None;
        }

        public void Dispose()
        {
            Assert.False(_disposed);
            _disposed = true;
            Interlocked.Decrement(ref counter._holders);
        }

        private sealed class Listening(FakeEvent counter) : IDisposable
        {
            public void Dispose() => counter.Listener = null;
        }

        private sealed class Watching(FakeEvent counter) : IDisposable
        {
            public void Dispose() => counter.Watcher = null;
        }
    }
}

/// <summary>The memory behind an open file.</summary>
internal sealed class FakeCarrier : ICarrier
{
    private readonly Dictionary<ulong, HostBlock> _parts = [];

    public SharedBytes Map(ulong offset, ulong length)
    {
        if (!_parts.TryGetValue(offset, out HostBlock? part)) _parts[offset] = part = new HostBlock(length);
        return part;
    }

    internal HashSet<ulong> Mapped { get; } = [];

    public void Free(ulong offset, ulong length) => _parts.Remove(offset);

    public bool IsMapped(ulong offset, ulong length) => Mapped.Contains(offset);
}
