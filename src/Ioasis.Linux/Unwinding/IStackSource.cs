namespace Ioasis.Linux.Unwinding;

/// <summary>The memory of a thread whose stack is unwound, and what is known of its program's code.</summary>
internal interface IStackSource
{
    /// <summary>Reads eight bytes of the thread's memory.</summary>
    bool TryRead(ulong address, out ulong value);

    /// <summary>
    /// Whether the code at an address has been added, or cannot be. Otherwise the unwinding ends, so that it can be.
    /// </summary>
    bool IsKnown(ulong pc);
}
