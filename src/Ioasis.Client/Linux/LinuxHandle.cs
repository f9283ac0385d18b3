using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core.Observation;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Client.Linux;

/// <summary>A file descriptor of an open node.</summary>
internal sealed class LinuxHandle(string path, FileDescriptor file) : NodeHandle(path)
{
    public override int Descriptor => file.Number;

    public override SysResult Ioctl(uint command, ulong argument) =>
        Answer(file.IsClosed ? Errno.EBADF : SysFiles.Ioctl(file, command, unchecked((nint)argument)));

    public override SysResult Read(ulong offset, Hva buffer, ulong count) =>
        Answer(file.IsClosed ? Errno.EBADF : UserPages.ReadAt(file, offset, buffer.Value, count));

    public override SysResult Write(ulong offset, Hva buffer, ulong count) =>
        Answer(file.IsClosed ? Errno.EBADF : UserPages.WriteAt(file, offset, buffer.Value, count));

    public override SysResult Read(Hva buffer, ulong count) =>
        Answer(file.IsClosed ? Errno.EBADF : UserPages.Read(file, buffer.Value, count));

    public override SysResult Write(Hva buffer, ulong count) =>
        Answer(file.IsClosed ? Errno.EBADF : UserPages.Write(file, buffer.Value, count));

    public override bool Wait(TimeSpan timeout)
    {
        ObjectDisposedException.ThrowIf(file.IsClosed, this);
        long end = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        while (true)
        {
            long left = Math.Max(0, end - Environment.TickCount64);
            Errno errno = SysEvents.Poll(file, SysEvents.POLLIN, (int)Math.Min(left, int.MaxValue), out short ready);
            if (errno != Errno.None) throw new IommuException(errno, $"poll of {Path}");
            if (ready != 0) return true;
            if (left == 0) return false;
        }
    }

    public override async ValueTask WaitAsync(CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(file.IsClosed, this);
        await ReadableFiles.Shared.WaitAsync(file, cancellation).ConfigureAwait(false);
    }

    public override SafeHandle SafeHandle => file;

    public override Errno TryMap(
        ulong offset, ulong length, bool shared, bool readable, bool writable, bool executable,
        out MappedRegion? region)
    {
        region = null;
        if (file.IsClosed) return Errno.EBADF;
        int protection = (readable ? SysMemory.PROT_READ : 0) | (writable ? SysMemory.PROT_WRITE : 0)
            | (executable ? SysMemory.PROT_EXEC : 0);
        Errno errno = UserPages.TryMap(
            file, offset, length, protection, shared ? SysMemory.MAP_SHARED : SysMemory.MAP_PRIVATE,
            out UserPages? pages);
        if (errno == Errno.None) region = new MappedRegion(pages!, pages!.Dispose);
        return errno;
    }

    // A real kernel does not say why. What was said of a call on another node is forgotten.
    private static SysResult Answer(SysResult result)
    {
        Refusal.Clear();
        return result;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) file.Dispose();
    }
}
