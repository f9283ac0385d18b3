namespace Ioasis.Memory;

/// <summary>An I/O virtual address: what a device puts on the bus, before any translation.</summary>
/// <param name="Value">The address, in bytes.</param>
public readonly record struct Iova(ulong Value) : IAddress<Iova>
{
    /// <summary>Address 0.</summary>
    public static Iova Zero => default;

    /// <inheritdoc/>
    public static Iova From(ulong value) => new(value);

    /// <summary>The address in hexadecimal, as <c>0x1000</c>.</summary>
    public override string ToString() => IAddress<Iova>.Format(Value);
}
