namespace Ioasis.Devices;

/// <summary>A memory BAR: a run of bytes, some of which are registers.</summary>
public sealed record Bar
{
    /// <summary>Index, 0 to 5. A 64-bit BAR also takes the next one.</summary>
    public required int Index { get; init; }

    /// <summary>Bytes; a power of two of at least 4096.</summary>
    public required ulong Size { get; init; }

    /// <summary>Whether it can be placed above 4 GiB.</summary>
    public bool Is64Bit { get; init; }

    /// <summary>Whether it is prefetchable: reads have no side effects.</summary>
    public bool IsPrefetchable { get; init; }

    /// <summary>
    /// Whether programs may map it. Plain stores to a mapped BAR are seen by looking at its doorbells from time to
    /// time: a store of the value that stands there already is not seen, nor is one that another store overwrote before
    /// that. The width of a store cannot be told. A BAR that is not mappable is reached by read and write calls, each
    /// seen.
    /// </summary>
    public bool IsMappable { get; init; } = true;

    /// <summary>
    /// The registers, in the order in which doorbells are looked at. Bytes that belong to none are plain memory when
    /// <see cref="IsMemory"/>, else read as <see cref="UnclaimedByte"/> and ignore writes.
    /// </summary>
    public IReadOnlyList<Register> Registers { get; init; } = [];

    /// <summary>Whether bytes outside of registers are plain memory.</summary>
    public bool IsMemory { get; init; }

    /// <summary>What bytes outside of registers read as when they are not memory.</summary>
    public byte UnclaimedByte { get; init; } = 0xff;

    /// <summary>
    /// Whether it takes descriptors of 64 bytes, each written as a whole to a multiple of 64
    /// (<see cref="PciDeviceModel.Submit"/>), and nothing else: it reads as 0 and has no registers. Of stores to a
    /// mapping each one of 64 bytes is seen, unless another one to the same 64 bytes came before it was looked at, and
    /// unless its first 8 bytes are 0.
    /// </summary>
    public bool IsPortal { get; init; }
}

/// <summary>A register of a BAR, little-endian, naturally aligned.</summary>
/// <param name="Name">As its documentation names it.</param>
/// <param name="Offset">Byte offset in the BAR.</param>
/// <param name="Width">1, 2, 4 or 8 bytes.</param>
/// <param name="Kind">What a driver's access does.</param>
/// <param name="ResetValue">Its value after reset.</param>
public sealed record Register(string Name, uint Offset, int Width, RegisterKind Kind, ulong ResetValue = 0)
{
    /// <summary>
    /// Which accesses the register answers. One of another width reads as <see cref="Bar.UnclaimedByte"/> and writes
    /// nothing. An access narrower than the register is one to a part of it; a wider one is an access to each register
    /// that it covers.
    /// </summary>
    public AccessWidths Widths { get; init; } = AccessWidths.Any;
}

/// <summary>Widths of a driver's access, a bit for each; the bit's value is the width in bytes.</summary>
[Flags]
public enum AccessWidths
{
    /// <summary>None: the register cannot be reached.</summary>
    None = 0,

    /// <summary>One byte.</summary>
    One = 1,

    /// <summary>Two bytes.</summary>
    Two = 2,

    /// <summary>Four bytes.</summary>
    Four = 4,

    /// <summary>Eight bytes.</summary>
    Eight = 8,

    /// <summary>All of them.</summary>
    Any = One | Two | Four | Eight,
}

/// <summary>What a driver's access to a register does.</summary>
public enum RegisterKind
{
    /// <summary>Writes are ignored.</summary>
    ReadOnly,

    /// <summary>Writes set the value; the model reads it when it needs it.</summary>
    ReadWrite,

    /// <summary>Writes set the value and the model is told.</summary>
    Doorbell,
}
