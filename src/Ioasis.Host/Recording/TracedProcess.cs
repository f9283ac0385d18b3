using System.Globalization;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Linux.Processes;
using Ioasis.Memory;

namespace Ioasis.Host.Recording;

/// <summary>A process that is traced, while it runs one program: its memory and its files.</summary>
/// <param name="pid">Its ID.</param>
/// <param name="pidfd">Its pidfd.</param>
/// <param name="memory">Its /proc/PID/mem.</param>
internal sealed class TracedProcess(int pid, FileDescriptor pidfd, FileDescriptor memory) : AddressSpace, IDisposable
{
    /// <summary>Its ID.</summary>
    public int Pid => pid;

    /// <summary>
    /// Opens the memory and the files of the process of a thread that has stopped; null if it is gone.
    /// </summary>
    public static TracedProcess? TryOpen(int pid)
    {
        if (SysProcesses.OpenPidfd(pid, 0, out FileDescriptor pidfd) != Errno.None) return null;
        if (SysFiles.Open(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/mem"), FcntlH.O_RDONLY,
            out FileDescriptor memory) == Errno.None) return new TracedProcess(pid, pidfd, memory);
        pidfd.Dispose();
        return null;
    }

    /// <summary>Duplicates a descriptor of the process into ours; false if it is not open.</summary>
    public bool TryFetch(int descriptor, out FileDescriptor file) =>
        SysProcesses.GetFileOf(pidfd, descriptor, out file) == Errno.None;

    /// <inheritdoc/>
    public override bool TryRead(Hva source, Span<byte> destination)
    {
        // The file does not wait for a page that the program has to bring, but reads what the program may not. The
        // call is the other way round, and finds the pages present by then.
        SysResult got = SysFiles.ReadAt(memory, destination, source.Value);
        return got.IsOk && got.Value == destination.Length
            && SysMemory.ReadProcess(pid, source.Value, destination) == destination.Length;
    }

    /// <inheritdoc/>
    public override bool TryWrite(Hva destination, ReadOnlySpan<byte> source) => false;

    /// <inheritdoc/>
    internal override MemoryBacking Reference(Hva start, ulong length, bool writable) =>
        throw new NotSupportedException("The kernel maps the memory of traced programs.");

    /// <inheritdoc/>
    public void Dispose()
    {
        memory.Dispose();
        pidfd.Dispose();
    }
}

/// <summary>A traced thread that has stopped at a call.</summary>
/// <param name="process">Its process.</param>
/// <param name="thread">The thread.</param>
/// <param name="files">The nodes that are open.</param>
internal sealed class TracedCaller(TracedProcess process, int thread, SystemFiles files) : ICaller
{
    /// <summary>Whether the call was served, so that a file which is new was opened by it.</summary>
    public bool IsServed { get; set; }

    /// <inheritdoc/>
    public AddressSpace Memory => process;

    /// <inheritdoc/>
    public ProcessPins Pins => throw Foreign();

    /// <inheritdoc/>
    public UserPins UserPins => throw Foreign();

    /// <inheritdoc/>
    public Errno GetFile(int descriptor, out IOpenFile? file)
    {
        file = files.Look(process, thread, descriptor, IsServed);
        return file is null ? Errno.EBADF : Errno.None;
    }

    /// <inheritdoc/>
    public SysResult InstallFile(INode node) => throw Foreign();

    /// <inheritdoc/>
    public SysResult InstallQueue(QueueFile queue) => throw Foreign();

    /// <inheritdoc/>
    public bool HasCapability(int capability) => throw Foreign();

    private static NotSupportedException Foreign() => new("The kernel serves the calls of traced programs.");
}
