using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Bench;

/// <summary>A program's memfd that has no page: as large as wanted, on a machine with little memory.</summary>
internal sealed class LargeFile : IMemoryFile, IDisposable
{
    private readonly FileDescriptor _file;
    private MappedFile? _mapped;
    private ProcessMemory? _memory;

    internal LargeFile(ulong length)
    {
        SystemCall.Must(SysFiles.CreateMemfd("bench", FcntlH.MFD_CLOEXEC, out _file));
        SystemCall.Must(SysFiles.Truncate(_file, length));
    }

    public Errno Reference(ulong start, ulong length, bool writable, out MemoryBacking? backing)
    {
        backing = FileBacking.Of(_file, start, length, writable);
        return backing is null ? Errno.EBADF : Errno.None;
    }

    public IHeldFile? TryHold(ulong start, ulong length, bool writable)
    {
        SystemCall.Must(HeldFile.TryHold(_file, writable, null, out HeldFile? held));
        return MappedRun.TryHold(held!, origin: 0, start, length, writable);
    }

    /// <summary>The first page as a program that is this process has it: its memory, and the address.</summary>
    internal (ProcessMemory Memory, ulong Address) MapFirstPage()
    {
        SystemCall.Must(MappedFile.TryMap(_file, 0, 4096, writable: true, out MappedFile? mapped));
        _mapped = mapped;
        using FileDescriptor directory = SystemCall.OpenDirectory("/proc/self");
        SystemCall.Must(ProcessMemory.TryOpen(Environment.ProcessId, directory, "", null, out _memory));
        return (_memory!, (ulong)mapped!.Address);
    }

    public void Dispose()
    {
        _memory?.Dispose();
        _mapped?.Dispose();
        _file.Dispose();
    }
}
