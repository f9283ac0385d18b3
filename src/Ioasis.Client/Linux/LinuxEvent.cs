using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Client.Linux;

/// <summary>An eventfd.</summary>
internal sealed class LinuxEvent : UserEvent
{
    private readonly FileDescriptor _file;

    internal LinuxEvent()
    {
        Errno errno = SysEvents.CreateEventFd(0, SysEvents.EFD_NONBLOCK, out _file);
        if (errno != Errno.None) throw new IommuException(errno, "creation of an eventfd");
    }

    public override int Descriptor => _file.Number;

    public override ulong Wait(TimeSpan timeout)
    {
        long end = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        while (true)
        {
            Errno errno = SysEvents.ReadEventFd(_file, out ulong count);
            if (errno == Errno.None) return count;
            if (errno != Errno.EAGAIN) throw new IommuException(errno, $"read of eventfd {Descriptor}");
            long left = end - Environment.TickCount64;
            if (left <= 0) return 0;
            errno = SysEvents.Poll(_file, SysEvents.POLLIN, (int)Math.Min(left, int.MaxValue), out short _);
            if (errno != Errno.None) throw new IommuException(errno, $"poll of eventfd {Descriptor}");
        }
    }

    public override SafeHandle SafeHandle => _file;

    private protected override async ValueTask<ulong> TakeAsync(CancellationToken cancellation)
    {
        while (true)
        {
            Errno errno = SysEvents.ReadEventFd(_file, out ulong count);
            if (errno == Errno.None) return count;
            if (errno != Errno.EAGAIN) throw new IommuException(errno, $"read of eventfd {Descriptor}");
            await ReadableFiles.Shared.WaitAsync(_file, cancellation).ConfigureAwait(false);
        }
    }

    public override void Signal()
    {
        Errno errno = SysEvents.WriteEventFd(_file, 1);
        if (errno != Errno.None) throw new IommuException(errno, $"write to eventfd {Descriptor}");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _file.Dispose();
    }
}
