namespace Ioasis.Core.Observation;

/// <summary>A program's call on an open file was answered.</summary>
/// <param name="Stamp">When it was answered.</param>
/// <param name="Call">The call.</param>
public readonly record struct CallEvent(EventStamp Stamp, NodeCall Call) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Call;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnCall(in this);
}

/// <summary>A call of a program on an open file, with its result.</summary>
public sealed class NodeCall
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

    /// <summary>When it began, in ticks of <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    public required long Began { get; init; }

    /// <summary>The result: not negative, or a negative errno.</summary>
    public required long Result { get; init; }

    /// <summary>Whether it was refused because an injector said so, and was not served.</summary>
    public bool IsInjected { get; init; }

    /// <summary>Of a refused call, what was wrong, and what would be right; null if nobody said so.</summary>
    public string? Why { get; init; }
}
