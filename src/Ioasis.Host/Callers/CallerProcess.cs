using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Host.Callers;

/// <summary>A process that called a node of ours, as long as it runs one program: exec makes another of it.</summary>
/// <param name="pid">Its ID, that of its first thread.</param>
/// <param name="pidfd">Readable when the process has ended.</param>
/// <param name="memory">Its memory.</param>
/// <param name="image">Which program it runs.</param>
internal sealed class CallerProcess(int pid, FileDescriptor pidfd, ProcessMemory memory, ProgramImage image)
    : IDisposable
{
    private volatile bool _mayHaveExeced;

    /// <summary>Its ID.</summary>
    public int Pid => pid;

    /// <summary>Readable when the process has ended.</summary>
    public FileDescriptor Pidfd => pidfd;

    /// <summary>Its memory.</summary>
    public ProcessMemory Memory => memory;

    /// <summary>Those of its threads that are known. Guarded by the lock of the <see cref="CallerTable"/>.</summary>
    public HashSet<CallerThread> Threads { get; } = [];

    /// <summary>What says whether its ID still means its first thread, if anything does.</summary>
    public StableId? StableId { get; init; }

    /// <summary>What is pinned in its name.</summary>
    public CallerPins Pins { get; } = new(pid, pidfd);

    /// <summary>
    /// Whether one of its threads was seen to call execve(2): then every call has to be asked which program it came
    /// from.
    /// </summary>
    public bool MayHaveExeced
    {
        get => _mayHaveExeced;
        set => _mayHaveExeced = value;
    }

    /// <summary>
    /// Whether the process still runs the program. A former one's memory can live on, with another process that was
    /// made to share it, and the two can stand at the same addresses.
    /// </summary>
    /// <param name="thread">The directory /proc/TID/fd of one of its threads.</param>
    public bool IsStillThat(FileDescriptor thread) => !_mayHaveExeced || image.IsStillThatOf(thread, memory);

    /// <summary>Gives the files back: the process has ended, or runs another program.</summary>
    public void Dispose()
    {
        memory.Dispose();
        pidfd.Dispose();
    }
}
