using System.Globalization;

namespace Ioasis.Memory;

/// <summary>
/// An address of one kind: <see cref="Gpa"/>, <see cref="Hva"/> or <see cref="Iova"/>. The compiler keeps the kinds
/// apart; <see cref="AddressArithmetic"/> has what they share.
/// </summary>
/// <typeparam name="T">The kind itself.</typeparam>
public interface IAddress<T> : IComparable<T>
    where T : struct, IAddress<T>
{
    /// <summary>The address, in bytes.</summary>
    ulong Value { get; }

    /// <summary>The address with this value.</summary>
    static abstract T From(ulong value);

    /// <summary>The address in hexadecimal, as <c>0x1000</c>.</summary>
    internal static string Format(ulong value) => string.Create(CultureInfo.InvariantCulture, $"0x{value:x}");

    /// <inheritdoc/>
    int IComparable<T>.CompareTo(T other) => Value.CompareTo(other.Value);
}
