using System.Runtime.InteropServices;
using System.Text;
using Ioasis.Abi;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Devices;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Iommufd.Sva;
using Ioasis.Memory;
using Ioasis.Memory.Threads;
using Ioasis.Passthrough.Vfio;
using Ioasis.Passthrough.Vfio.Pci;
using Ioasis.Tests.Fuzz;
using Ioasis.Tests.Iommufd;
using Ioasis.Tests.Vfio;
using Ioasis.Units.Vtd;

namespace Ioasis.Tests.Faults;

/// <summary>A program with a machine of its own, where whatever is done on its behalf can be made to fail.</summary>
internal sealed class FaultyProgram : ICaller, IDisposable
{
    internal const int ContextFd = 3, FileFd = 5, FirstEventFd = 10, HandedFd = 30, QueueFd = 40;
    internal const ulong Page = 4096;

    private readonly OwnAddressSpace _own = new();
    private readonly VfioRegistry _registry = new(major: 252);
    private readonly VfioPciBus _bus;
    private readonly HostBlock _argument;
    private readonly Dictionary<int, NodeFile> _files = [];
    private readonly FakeEvent[] _events = [new(), new(), new()];

    /// <param name="vtd">Whether the unit is one that has first stages, rather than one that can fail.</param>
    internal FaultyProgram(bool vtd = false)
    {
        Unit = vtd ? new VtdUnit("dmar0", new VtdFeatures()) : new FaultyUnit(() => Plan);
        Faulty = new FaultyMemory(_own);
        _argument = _own.Allocate(4 * Page);
        Block = _own.Allocate(16 * Page);
        HostThread.Refusal = _ => Plan.Fails("have a thread");
        foreach (FakeEvent one in _events) one.CannotListen = () => Plan.Fails("have a thread");
        _bus = new VfioPciBus(_registry);
        Devices = [.. Enumerable.Range(0, 2).Select(i => _bus.Add(
            new DmaTestDevice(), new Endpoint(new RequesterId(0, 0, (byte)(3 + i), 0), Unit, new IommuGroup(
                i)) { Features = new EndpointFeatures { PasidBits = 20, Ats = true, PageRequests = 32 } }, (uint)i))];
    }

    public AddressSpace Memory => Faulty;

    public ProcessPins Pins { get; } = new TestPins();

    public UserPins UserPins { get; } = new();

    internal FaultPlan Plan => Faulty.Plan;

    internal FaultyMemory Faulty { get; }

    internal IommuUnit Unit { get; }

    internal HostBlock Block { get; }

    internal VfioPciDevice[] Devices { get; }

    internal IReadOnlyList<VfioGroup> Groups => _registry.Groups;

    /// <summary>Puts what a structure is to point to.</summary>
    /// <returns>Where it stands.</returns>
    internal ulong Put<T>(T pointedTo) where T : unmanaged
    {
        _argument.CopyFrom(Page, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in pointedTo)));
        return Argument + Page;
    }

    internal ulong Argument => (ulong)_argument.Address;

    internal NodeFile File(int descriptor) => _files[descriptor];

    /// <summary>All that a call may change.</summary>
    internal string State => Snapshot.Of(
        [_files.Keys.Order().ToArray(), .. _files.OrderBy(f => f.Key).Select(f => f.Value), Devices, Groups,
            Pins, UserPins,
            Faulty.Backings, _events.Select(e => e.Holders).ToArray(), Charged.ToArray()]);

    /// <summary>
    /// Bytes that are charged for the objects of each file; what an IOAS has in advance for its mappings does not
    /// count.
    /// </summary>
    private IEnumerable<long> Charged =>
        from file in _files.OrderBy(f => f.Key)
        let context = file.Value as IommufdContext ?? (file.Value as ISvaFile)?.Sva.Objects
        where context is not null
        select context.Objects.Budget.Held - context.Objects.All<IommufdIoas>().Sum(ioas => ioas.Table.Granted);

    public bool HasCapability(int capability) => true;

    public Errno GetFile(int descriptor, out IOpenFile? file)
    {
        file = null;
        if (Plan.Fails("look a descriptor up")) return Errno.EBADF;
        if (Plan.Fails("fetch a file")) return Errno.ENOMEM;
        if (_files.TryGetValue(descriptor, out NodeFile? open)) file = open;
        else if (descriptor == FileFd) file = new MemoryFile(this);
        else if (descriptor >= FirstEventFd && descriptor < FirstEventFd + _events.Length)
            file = _events[descriptor - FirstEventFd].Open();
        return file is not null ? Errno.None : Errno.EBADF;
    }

    public SysResult InstallFile(INode node)
    {
        Errno errno = node.Open(new PlainCarrier(), out NodeFile? file);
        if (errno != Errno.None) return errno;
        return Install(HandedFd, file!);
    }

    public SysResult InstallQueue(QueueFile queue) => Install(QueueFd + _files.Count, queue);

    internal SysResult Open(int descriptor, INode node)
    {
        Errno errno = node.Open(new PlainCarrier(), out NodeFile? file);
        if (errno == Errno.None) _files.Add(descriptor, file!);
        return errno;
    }

    internal bool HasFile(int descriptor) => _files.ContainsKey(descriptor);

    internal SysResult Open(int descriptor) => Open(descriptor, new IommuNode());

    internal void Close(int descriptor)
    {
        _files.Remove(descriptor, out NodeFile? file);
        file!.Close();
    }

    internal SysResult Call<T>(int descriptor, uint command, T args,
        ReadOnlySpan<byte> more = default) where T : unmanaged => Call(descriptor, command, args, out _, more);

    internal SysResult Call<T>(
        int descriptor, uint command, T args, out T answer, ReadOnlySpan<byte> more = default) where T : unmanaged
    {
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<T>(ref args));
        // the size, where it begins with one
        if (MemoryMarshal.Read<uint>(bytes) == 0) MemoryMarshal.Write(bytes, (uint)(bytes.Length + more.Length));
        _argument.CopyFrom(0, bytes);
        _argument.CopyFrom((ulong)bytes.Length, more);
        SysResult result = File(descriptor).Ioctl(this, command, Argument);
        answer = default;
        _argument.CopyTo(0, MemoryMarshal.AsBytes(new Span<T>(ref answer)));
        return result;
    }

    /// <summary>An ioctl whose argument points to something that does not begin with its size.</summary>
    internal SysResult CallRaw(int descriptor, uint command, ReadOnlySpan<byte> bytes)
    {
        _argument.CopyFrom(0, bytes);
        return File(descriptor).Ioctl(this, command, Argument);
    }

    internal SysResult CallText(int descriptor, uint command, string text) =>
        CallRaw(descriptor, command, Encoding.ASCII.GetBytes(text + "\0"));

    /// <summary>Closes everything and looks whether it was all given back.</summary>
    internal void End()
    {
        Faulty.Plan = FaultPlan.None();
        foreach (int descriptor in _files.Keys.OrderDescending().ToArray()) Close(descriptor);
        Assert.Equal(0, Faulty.Backings);
        Assert.Equal((0UL, 0UL, 0UL), (Pins.Pinned, Pins.Locked, UserPins.Locked));
        Assert.All(_events, e => Assert.Equal(0, e.Holders));
        Assert.All(Devices, d => Assert.False(d.Endpoint.Group.IsClaimed));
        Assert.All(Devices, d => Assert.Null(d.Endpoint.Attached));
        _own.Free(Block);
        Assert.False(Block.TryAddReference());
    }

    public void Dispose()
    {
        HostThread.Refusal = null;
        foreach (VfioPciDevice device in Devices) device.Dispose();
        _bus.Dispose();
    }

    private SysResult Install(int descriptor, NodeFile file)
    {
        if (Plan.Fails("place a descriptor"))
        {
            file.Close();
            return Errno.EMFILE;
        }

        _files.Add(descriptor, file);
        return SysResult.Ok(descriptor);
    }

    private sealed class MemoryFile(FaultyProgram program) : IMemoryFile
    {
        public Errno Reference(ulong start, ulong length, bool writable, out MemoryBacking? backing)
        {
            backing = program.Faulty.Reference(new Hva((ulong)program.Block.Address + start), length, writable);
            return Errno.None;
        }
    }
}
