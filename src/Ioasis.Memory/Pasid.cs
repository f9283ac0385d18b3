using System.Globalization;

namespace Ioasis.Memory;

/// <summary>
/// A process address space ID: 20 bits that a device sends along with a DMA request (PCI Express Base, 6.20).
/// </summary>
public readonly record struct Pasid
{
    /// <summary>Width of a PASID in bits.</summary>
    public const int Bits = 20;

    /// <summary>The largest PASID.</summary>
    public const uint MaxValue = (1u << Bits) - 1;

    /// <summary>Makes a PASID from a number.</summary>
    /// <param name="value">0 to <see cref="MaxValue"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number has more than 20 bits.</exception>
    public Pasid(uint value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MaxValue);
        Value = value;
    }

    /// <summary>The number, at most <see cref="MaxValue"/>.</summary>
    public uint Value { get; }

    /// <summary>
    /// Makes a PASID from a number that a program or guest gave; false when the number has more than 20 bits.
    /// </summary>
    public static bool TryCreate(uint value, out Pasid pasid)
    {
        pasid = value <= MaxValue ? new Pasid(value) : default;
        return value <= MaxValue;
    }

    /// <summary>The PASID in decimal.</summary>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}
