using System.Globalization;

namespace Ioasis.Memory;

/// <summary>A virtual address of a host process: a pointer in that process, and meaningless in any other.</summary>
/// <param name="Value">The address, in bytes.</param>
public readonly record struct Hva(ulong Value) : IComparable<Hva>
{
    /// <summary>Address 0.</summary>
    public static Hva Zero => default;

    /// <summary>The address <paramref name="bytes"/> further on, or false when that is beyond 2^64 - 1.</summary>
    public bool TryAdd(ulong bytes, out Hva sum)
    {
        sum = new Hva(unchecked(Value + bytes));
        return sum.Value >= Value;
    }

    /// <summary>
    /// The last byte of <paramref name="length"/> bytes that start here; false when length is 0 or the range wraps.
    /// </summary>
    public bool TryLast(ulong length, out Hva last)
    {
        last = new Hva(unchecked(Value + length - 1));
        return length != 0 && last.Value >= Value;
    }

    /// <summary>Whether the address is a multiple of <paramref name="alignment"/>, a power of two in bytes.</summary>
    public bool IsAligned(ulong alignment) => (Value & (alignment - 1)) == 0;

    /// <summary>The address <paramref name="bytes"/> further on.</summary>
    /// <exception cref="OverflowException">The sum is beyond 2^64 - 1.</exception>
    public static Hva operator +(Hva address, ulong bytes) => new(checked(address.Value + bytes));

    /// <summary>How many bytes <paramref name="left"/> lies above <paramref name="right"/>.</summary>
    /// <exception cref="OverflowException"><paramref name="left"/> is the lower one.</exception>
    public static ulong operator -(Hva left, Hva right) => checked(left.Value - right.Value);

    /// <summary>Whether <paramref name="left"/> is below <paramref name="right"/>.</summary>
    public static bool operator <(Hva left, Hva right) => left.Value < right.Value;

    /// <summary>Whether <paramref name="left"/> is above <paramref name="right"/>.</summary>
    public static bool operator >(Hva left, Hva right) => left.Value > right.Value;

    /// <summary>Whether <paramref name="left"/> is not above <paramref name="right"/>.</summary>
    public static bool operator <=(Hva left, Hva right) => left.Value <= right.Value;

    /// <summary>Whether <paramref name="left"/> is not below <paramref name="right"/>.</summary>
    public static bool operator >=(Hva left, Hva right) => left.Value >= right.Value;

    /// <inheritdoc/>
    public int CompareTo(Hva other) => Value.CompareTo(other.Value);

    /// <summary>The address in hexadecimal, as <c>0x1000</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"0x{Value:x}");
}
