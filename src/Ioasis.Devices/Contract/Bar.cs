namespace Ioasis.Devices;

/// <summary>A memory BAR: bytes, some of which belong to registers.</summary>
public sealed record Bar
{
    /// <summary>Index, 0 to 5. A 64-bit BAR also takes the next index.</summary>
    public required int Index { get; init; }

    /// <summary>Size in bytes; a power of two, at least 4096.</summary>
    public required ulong Size { get; init; }

    /// <summary>Whether the BAR can be placed above 4 GiB.</summary>
    public bool Is64Bit { get; init; }

    /// <summary>Whether the BAR is prefetchable: reads have no side effects.</summary>
    public bool IsPrefetchable { get; init; }

    /// <summary>
    /// Whether programs may map the BAR. The host detects stores to a mapping by polling the doorbells. It misses a
    /// store of the value that is already there, and a store that another one overwrites before the next poll; it
    /// cannot tell the width of a store. A BAR that is not mappable is accessed by read and write calls, and the host
    /// sees each of them.
    /// </summary>
    public bool IsMappable { get; init; } = true;

    /// <summary>
    /// The registers, in the order in which doorbells are polled. Bytes outside of registers are plain memory if
    /// <see cref="IsMemory"/>; otherwise they read as <see cref="UnclaimedByte"/> and ignore writes.
    /// </summary>
    public IReadOnlyList<Register> Registers { get; init; } = [];

    /// <summary>Whether bytes outside of registers are plain memory.</summary>
    public bool IsMemory { get; init; }

    /// <summary>Value of bytes outside of registers if they are not memory.</summary>
    public byte UnclaimedByte { get; init; } = 0xff;

    /// <summary>
    /// Whether the BAR is a portal. A portal accepts only descriptors of 64 bytes, each written as a whole to a
    /// multiple of 64 (<see cref="PciDeviceModel.Submit"/>). It has no registers and reads as 0. The host sees each
    /// 64-byte store to a mapping, with two exceptions: a store whose first 8 bytes are 0, and a store to the same 64
    /// bytes as an earlier one that was not polled yet.
    /// </summary>
    public bool IsPortal { get; init; }
}

/// <summary>A register of a BAR, little-endian, naturally aligned.</summary>
/// <param name="Name">Its name in the device's documentation.</param>
/// <param name="Offset">Byte offset in the BAR.</param>
/// <param name="Width">1, 2, 4 or 8 bytes.</param>
/// <param name="Kind">The effect of a driver's access.</param>
/// <param name="ResetValue">Value after a reset.</param>
public sealed record Register(string Name, uint Offset, int Width, RegisterKind Kind, ulong ResetValue = 0)
{
    /// <summary>
    /// Widths of access that the register supports. An access of another width reads as <see cref="Bar.UnclaimedByte"/>
    /// and writes nothing. An access narrower than the register accesses a part of it; a wider one accesses each
    /// register that it covers.
    /// </summary>
    public AccessWidths Widths { get; init; } = AccessWidths.Any;

    /// <summary>
    /// Whether the host asks the model for the value before each read (<see cref="PciDeviceModel.Read"/>). Only a BAR
    /// that is not mappable can have such registers.
    /// </summary>
    public bool IsComputed { get; init; }
}

/// <summary>Widths of a driver's access, one bit each. The bit's value is the width in bytes.</summary>
[Flags]
public enum AccessWidths
{
    /// <summary>None: the register is inaccessible.</summary>
    None = 0,

    /// <summary>One byte.</summary>
    One = 1,

    /// <summary>Two bytes.</summary>
    Two = 2,

    /// <summary>Four bytes.</summary>
    Four = 4,

    /// <summary>Eight bytes.</summary>
    Eight = 8,

    /// <summary>All widths.</summary>
    Any = One | Two | Four | Eight,
}

/// <summary>The effect of a driver's access to a register.</summary>
public enum RegisterKind
{
    /// <summary>Writes are ignored.</summary>
    ReadOnly,

    /// <summary>Writes set the value. The model reads it when it needs it.</summary>
    ReadWrite,

    /// <summary>Writes set the value and ring the model.</summary>
    Doorbell,
}
