using Ioasis.Host.Stacks;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Host.Callers;

/// <summary>
/// A process that called a node of ours, while it runs one program. An exec makes it another CallerProcess.
/// </summary>
/// <param name="pid">Its ID, which is that of its first thread.</param>
/// <param name="pidfd">Readable once the process has ended.</param>
/// <param name="memory">Its memory.</param>
/// <param name="image">Identifies the program that it runs.</param>
internal sealed class CallerProcess(int pid, FileDescriptor pidfd, ProcessMemory memory, ProgramImage image)
    : IDisposable
{
    private volatile bool _mayHaveExeced;
    private ProgramCode? _code;

    /// <summary>Its ID.</summary>
    public int Pid => pid;

    /// <summary>Readable once the process has ended.</summary>
    public FileDescriptor Pidfd => pidfd;

    /// <summary>Its memory.</summary>
    public ProcessMemory Memory => memory;

    /// <summary>Its known threads. The lock of the <see cref="CallerTable"/> guards them.</summary>
    public HashSet<CallerThread> Threads { get; } = [];

    /// <summary>Tells whether its ID still means its first thread; null if nothing can tell.</summary>
    public StableId? StableId { get; init; }

    /// <summary>The pages pinned for it.</summary>
    public CallerPins Pins { get; } = new(pid, pidfd);

    /// <summary>Its code, as far as it was looked at.</summary>
    public ProgramCode? Code => _code;

    /// <summary>
    /// Whether one of its threads was seen to call execve(2). Then each call must be checked for the program that it
    /// came from.
    /// </summary>
    public bool MayHaveExeced
    {
        get => _mayHaveExeced;
        set => _mayHaveExeced = value;
    }

    /// <summary>
    /// Whether the process still runs the program. The memory of a former program can live on in another process that
    /// shares it, and both memories can have the same layout.
    /// </summary>
    /// <param name="thread">The directory /proc/TID/fd of one of its threads.</param>
    public bool IsStillThat(FileDescriptor thread) => !_mayHaveExeced || image.IsStillThatOf(thread, memory);

    /// <summary>Notes its code, unless another thread has done so.</summary>
    /// <returns>What was noted first.</returns>
    public ProgramCode NoteCode(ProgramCode code) => Interlocked.CompareExchange(ref _code, code, null) ?? code;

    /// <summary>Closes the files, because the process has ended or runs another program.</summary>
    public void Dispose()
    {
        memory.Dispose();
        pidfd.Dispose();
    }
}
