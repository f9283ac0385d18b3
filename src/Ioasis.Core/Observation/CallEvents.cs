namespace Ioasis.Core.Observation;

/// <summary>A program's call on an open file was answered.</summary>
/// <param name="Stamp">When it was answered.</param>
/// <param name="Call">The call.</param>
internal readonly record struct CallEvent(EventStamp Stamp, NodeCall Call) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Call;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnCall(in this);
}

/// <summary>A program's call on an open file was answered. Nothing is told of the call.</summary>
/// <param name="Stamp">Nothing: it is only to be counted.</param>
public readonly record struct AnsweredEvent(EventStamp Stamp) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Answered;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnAnswered(in this);
}

/// <summary>A call of a program on an open file, with its result.</summary>
internal sealed class NodeCall
{
    /// <summary>
    /// Counts the calls that are observed, in the order in which they began. Events that happen in the thread that
    /// serves the call have it in their stamp.
    /// </summary>
    public required long Number { get; init; }

    /// <summary>The open file, as in <see cref="OpenEvent"/>.</summary>
    public required object File { get; init; }

    /// <summary>The path of its node.</summary>
    public required string Path { get; init; }

    /// <summary>The thread that made it; 0 when nobody said which.</summary>
    public required int Thread { get; init; }

    /// <summary>The process that made it; 0 when nobody said which.</summary>
    public int Process { get; init; }

    /// <summary>The descriptor that it used.</summary>
    public required int Descriptor { get; init; }

    /// <summary>The system call: <c>ioctl</c>, <c>read</c>, <c>write</c> or <c>mmap</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Of an ioctl, its number.</summary>
    public uint Command { get; init; }

    /// <summary>Of an ioctl, its name in the headers; null if the number is not known.</summary>
    public string? CommandName { get; init; }

    /// <summary>Of an ioctl, the struct that its argument leads to; null for none.</summary>
    public Type? Structure { get; init; }

    /// <summary>Of an ioctl, its argument.</summary>
    public ulong Argument { get; init; }

    /// <summary>Of another call, where in the file; null for a message.</summary>
    public ulong? Offset { get; init; }

    /// <summary>Of another call, how many bytes.</summary>
    public ulong Count { get; init; }

    /// <summary>The bytes that the call began with: of the struct, or that were written. Not all of many.</summary>
    public byte[] Before { get; init; } = [];

    /// <summary>The bytes that it left: of the struct, or that were read.</summary>
    public byte[] After { get; init; } = [];

    /// <summary>Of mmap, what is asked for: some of the letters r, w, x and s (shared).</summary>
    public string Protection { get; init; } = "";

    /// <summary>What else it names; null unless an observer wants <see cref="EventKinds.CallData"/>.</summary>
    public CallData? Data { get; init; }

    /// <summary>When it began, in ticks of <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    public required long Began { get; init; }

    /// <summary>The result: not negative, or a negative errno.</summary>
    public required long Result { get; init; }

    /// <summary>Whether it was refused because an injector said so, and was not served.</summary>
    public bool IsInjected { get; init; }

    /// <summary>Of a refused call, what was wrong, and what would be right; null if nobody said so.</summary>
    public string? Why { get; init; }
}

/// <summary>The memory and the files that the structure of a call names.</summary>
internal sealed class CallData
{
    /// <summary>The address space of the caller: the same object for all calls from it.</summary>
    public required object Space { get; init; }

    /// <summary>The memory, by the name of the field that has its address.</summary>
    public List<CallMemory> Memory { get; } = [];

    /// <summary>What is behind each descriptor that the call names, returns or makes.</summary>
    public Dictionary<int, CallFile> Files { get; } = [];

    /// <summary>The text that the argument leads to, where there is no structure; null for none.</summary>
    public string? Text { get; set; }

    /// <summary>SHA-256 of the memory that the call maps, in hexadecimal; null for none, or for much memory.</summary>
    public string? Hash { get; set; }

    /// <summary>
    /// The mapped pages that nobody has read since they changed, by address; null unless an observer wants them.
    /// </summary>
    public IReadOnlyDictionary<ulong, byte[]>? Pages { get; set; }
}

/// <summary>Memory that a call names.</summary>
/// <param name="Field">The field of the structure that has the address.</param>
/// <param name="Address">The address.</param>
/// <param name="Before">The bytes before the call; empty if they cannot be read.</param>
internal sealed record CallMemory(string Field, ulong Address, byte[] Before)
{
    /// <summary>The bytes after the call.</summary>
    public byte[] After { get; set; } = Before;
}

/// <summary>A file that a call names.</summary>
/// <param name="Kind">What it is to our nodes.</param>
/// <param name="File">A node's open file, as in <see cref="OpenEvent"/>; null for another kind.</param>
internal readonly record struct CallFile(CallFileKind Kind, object? File = null);

/// <summary>What a descriptor of a program leads to.</summary>
internal enum CallFileKind
{
    /// <summary>It is not open.</summary>
    None,

    /// <summary>A file of a node.</summary>
    Node,

    /// <summary>A queue that an ioctl made.</summary>
    Queue,

    /// <summary>An eventfd.</summary>
    Event,

    /// <summary>A file whose bytes can be mapped.</summary>
    Memory,

    /// <summary>Something else.</summary>
    Other,
}
