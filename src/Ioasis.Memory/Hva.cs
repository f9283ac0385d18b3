namespace Ioasis.Memory;

/// <summary>A virtual address of a host process: a pointer in that process, and meaningless in any other.</summary>
/// <param name="Value">The address, in bytes.</param>
public readonly record struct Hva(ulong Value) : IAddress<Hva>
{
    /// <summary>Address 0.</summary>
    public static Hva Zero => default;

    /// <inheritdoc/>
    public static Hva From(ulong value) => new(value);

    /// <summary>The address in hexadecimal, as <c>0x1000</c>.</summary>
    public override string ToString() => IAddress<Hva>.Format(Value);
}
