using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Tests.Iommufd;

/// <summary>A program: its memory, its open files, and a page to pass structures in.</summary>
internal sealed class TestCaller : ICaller
{
    private readonly OwnAddressSpace _memory = new();
    private readonly HostBlock _scratch;

    internal TestCaller() => _scratch = _memory.Allocate(8192);

    public AddressSpace Memory => _memory;

    internal OwnAddressSpace Own => _memory;

    internal Dictionary<int, IOpenFile> Files { get; } = [];

    internal HashSet<int> Capabilities { get; } = [];

    internal ulong Scratch => (ulong)_scratch.Address;

    public Errno GetFile(int descriptor, out IOpenFile? file) =>
        Files.TryGetValue(descriptor, out file) ? Errno.None : Errno.EBADF;

    public SysResult InstallFile(INode node) => Errno.EMFILE;

    /// <summary>Queues that were placed for the program, by descriptor.</summary>
    internal Dictionary<int, QueueFile> Queues { get; } = [];

    public SysResult InstallQueue(QueueFile queue)
    {
        int descriptor = 1000 + Queues.Count;
        Queues.Add(descriptor, queue);
        return SysResult.Ok(descriptor);
    }

    /// <summary>Closes the queues that were placed, as the program's end does.</summary>
    internal void CloseQueues()
    {
        foreach (QueueFile queue in Queues.Values) queue.Close();
        Queues.Clear();
    }

    /// <summary>Its limit of locked memory, what is pinned for it, and for its user.</summary>
    internal TestPins TestPins { get; set; } = new();

    public ProcessPins Pins => TestPins;

    public UserPins UserPins { get; set; } = new();

    public bool HasCapability(int capability) => Capabilities.Contains(capability);

    /// <summary>Passes a structure and takes back what the call made of it.</summary>
    internal Errno Call<T>(NodeFile file, uint command, ref T args) where T : unmanaged
    {
        _scratch.CopyFrom(0, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in args)));
        SysResult result = file.Ioctl(this, command, Scratch);
        _scratch.CopyTo(0, MemoryMarshal.AsBytes(new Span<T>(ref args)));
        return result.Errno;
    }
}

/// <summary>A process's limit, as a test sets it.</summary>
internal sealed class TestPins : ProcessPins
{
    internal ulong Limit { get; set; } = ulong.MaxValue;

    internal bool Ended { get; set; }

    public override ulong LockLimit => Limit;

    public override bool HasEnded => Ended;
}
