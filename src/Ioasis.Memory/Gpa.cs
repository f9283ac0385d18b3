namespace Ioasis.Memory;

/// <summary>
/// A guest-physical address: what a guest takes for physical memory, the output of stage 1 and the input of stage 2.
/// </summary>
/// <param name="Value">The address, in bytes.</param>
public readonly record struct Gpa(ulong Value) : IAddress<Gpa>
{
    /// <summary>Address 0.</summary>
    public static Gpa Zero => default;

    /// <inheritdoc/>
    public static Gpa From(ulong value) => new(value);

    /// <summary>The address in hexadecimal, as <c>0x1000</c>.</summary>
    public override string ToString() => IAddress<Gpa>.Format(Value);
}
