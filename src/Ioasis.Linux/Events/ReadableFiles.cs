using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Linux.Events;

/// <summary>
/// Completes tasks when files become readable. One thread waits for all files in an epoll, so a wait costs no thread.
/// </summary>
internal sealed class ReadableFiles
{
    private const uint OneShot = 1u << 30; // EPOLLONESHOT
    private const int AtOnce = 64;

    // Guards the fields below. Innermost.
    private readonly RankedLock _lock = new(LockRank.ReadableFiles);
    private readonly Dictionary<ulong, Wait> _byTag = [];
    private readonly Dictionary<FileDescriptor, Wait> _byFile = [];
    private FileDescriptor? _epoll;
    private ulong _lastTag;

    /// <summary>The instance that the process shares.</summary>
    internal static ReadableFiles Shared { get; } = new();

    /// <summary>Waits until a file is readable, or has hung up.</summary>
    /// <param name="file">A file that poll(2) can wait for. It stays open as long as somebody waits.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="IOException">The host refuses an epoll or a thread.</exception>
    internal async Task WaitAsync(FileDescriptor file, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Wait wait = Join(file);
        try
        {
            await wait.Readable.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            Leave(wait);
        }
    }

    private Wait Join(FileDescriptor file)
    {
        using (_lock.Enter())
        {
            if (_byFile.TryGetValue(file, out Wait? wait))
            {
                wait.Waiters++;
                return wait;
            }

            _epoll ??= Start();
            bool held = false;
            file.DangerousAddRef(ref held);
            wait = new Wait(file, ++_lastTag);
            Errno errno = SysEvents.AddToEpoll(_epoll, file, (uint)SysEvents.POLLIN | OneShot, wait.Tag);
            if (errno != Errno.None)
            {
                file.DangerousRelease();
                throw new IOException($"the host cannot wait for file {file.Number}: {errno}");
            }

            _byTag.Add(wait.Tag, wait);
            _byFile.Add(file, wait);
            return wait;
        }
    }

    private void Leave(Wait wait)
    {
        using (_lock.Enter())
        {
            if (--wait.Waiters > 0) return;
            if (_byTag.Remove(wait.Tag)) Forget(wait);
        }
    }

    // The waiters that are still there share the task, which is complete.
    private void Complete(ulong tag)
    {
        using (_lock.Enter())
        {
            if (!_byTag.Remove(tag, out Wait? wait)) return; // the last waiter left meanwhile
            Forget(wait);
            wait.Readable.SetResult(); // runs no continuation here
        }
    }

    private void Forget(Wait wait)
    {
        _byFile.Remove(wait.File);
        SysEvents.RemoveFromEpoll(_epoll!, wait.File);
        wait.File.DangerousRelease();
    }

    private FileDescriptor Start()
    {
        Errno errno = SysEvents.CreateEpoll(out FileDescriptor epoll);
        if (errno != Errno.None) throw new IOException($"the host refuses an epoll: {errno}");
        HostThread.Start("readable files", () => Run(epoll));
        return epoll;
    }

    [DoesNotReturn]
    private void Run(FileDescriptor epoll)
    {
        var ready = new SysEvents.EpollEntry[AtOnce];
        while (true)
        {
            SysResult got = SysEvents.WaitEpoll(epoll, ready, -1);
            for (int i = 0; i < got.Value; i++) Complete(ready[i].Tag);
        }
    }

    private sealed class Wait(FileDescriptor file, ulong tag)
    {
        internal FileDescriptor File => file;

        internal ulong Tag => tag;

        internal int Waiters { get; set; } = 1;

        internal TaskCompletionSource Readable { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
